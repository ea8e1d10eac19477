package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// Groups, expressions, durations, labels and the templates in annotations.
func rules(text []byte) ([]string, error) {
	var mistakes []string
	decoded, err := decode(text, func(mistake error) { mistakes = append(mistakes, mistake.Error()) })
	if err != nil {
		return nil, err
	}
	found := 0
	for _, object := range decoded {
		rule, ok := object.(*monitoring.PrometheusRule)
		if !ok {
			continue
		}
		found++
		// JSON is YAML: what the operator hands to Prometheus.
		groups, err := json.Marshal(map[string]any{"groups": rule.Spec.Groups})
		if err != nil {
			return nil, err
		}
		_, wrong := rulefmt.Parse(groups, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		for _, err := range wrong {
			mistakes = append(mistakes, fmt.Sprintf("%s: %v", rule.Name, err))
		}
	}
	if found == 0 {
		return nil, errors.New("there is no PrometheusRule")
	}
	return mistakes, nil
}
