// Command inspect looks at what the chart renders and at the Dockerfile as those do who will read them.
//
//	inspect objects < rendered.yaml    each object, strictly, as its type of Kubernetes, of Prometheus or of cert-manager
//	inspect rules < rendered.yaml      each PrometheusRule, as Prometheus loads rules
//	inspect webhooks < pods.json       which of the given pods a webhook's conditions send to it (see webhooks.go)
//	inspect dockerfile FILE            what BuildKit's linter says
//
// What is wrong is said on standard output, a line each, and the code is then 1.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	mistakes, err := inspect(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "inspect:", err)
		os.Exit(2)
	}
	for _, mistake := range mistakes {
		fmt.Println(mistake)
	}
	if len(mistakes) > 0 {
		os.Exit(1)
	}
}

func inspect(arguments []string) ([]string, error) {
	if len(arguments) == 2 && arguments[0] == "dockerfile" {
		return dockerfile(arguments[1])
	}
	if len(arguments) != 1 {
		return nil, fmt.Errorf("usage: inspect objects|rules|webhooks, or inspect dockerfile FILE")
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	switch arguments[0] {
	case "objects":
		return objects(text)
	case "rules":
		return rules(text)
	case "webhooks":
		return webhooks(text)
	default:
		return nil, fmt.Errorf("%q is not something to inspect", arguments[0])
	}
}
