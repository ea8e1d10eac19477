package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
)

// As `docker build --check` says it, for each target.
func dockerfile(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var mistakes []string
	for _, target := range []string{"broker", "dsn"} {
		options := dockerfile2llb.ConvertOpt{Config: dockerui.Config{Target: target}}
		results, err := dockerfile2llb.DockerfileLint(context.Background(), text, options)
		if err != nil {
			return nil, err
		}
		if results.Error != nil {
			mistakes = append(mistakes, results.Error.Message)
		}
		for _, warning := range results.Warnings {
			mistakes = append(mistakes, fmt.Sprintf("%s: %s: %s", target, warning.RuleName, warning.Detail))
		}
	}
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	return mistakes, nil
}
