package main

import (
	"encoding/json"
	"errors"
	"fmt"

	admission "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/google/cel-go/cel"
)

// Expected is the label by which a pod says whether webhooks must get to see it.
const expected = "sent"

// Whether an API server would send each Pod among the objects to the webhooks among them, which its label foretells.
func webhooks(text []byte) ([]string, error) {
	var mistakes []string
	decoded, err := decode(text, func(mistake error) { mistakes = append(mistakes, mistake.Error()) })
	if err != nil {
		return nil, err
	}
	var hooks []admission.MutatingWebhook
	var pods []*core.Pod
	for _, object := range decoded {
		switch object := object.(type) {
		case *admission.MutatingWebhookConfiguration:
			hooks = append(hooks, object.Webhooks...)
		case *core.Pod:
			// Others are the chart's own.
			if object.Labels[expected] != "" {
				pods = append(pods, object)
			}
		}
	}
	if len(hooks) == 0 || len(pods) == 0 {
		return nil, errors.New("it takes a webhook and pods")
	}
	for _, hook := range hooks {
		for _, pod := range pods {
			sent, err := isSent(hook, pod)
			if err != nil {
				return nil, fmt.Errorf("%s, pod %s: %w", hook.Name, pod.Name, err)
			}
			if fmt.Sprint(sent) != pod.Labels[expected] {
				mistakes = append(mistakes, fmt.Sprintf("%s: the pod %s: sent is %v", hook.Name, pod.Name, sent))
			}
		}
	}
	return mistakes, nil
}

func isSent(hook admission.MutatingWebhook, pod *core.Pod) (bool, error) {
	namespace := labels.Set{core.LabelMetadataName: pod.Namespace}
	for _, each := range []struct {
		selector *meta.LabelSelector
		labels   labels.Set
	}{{hook.NamespaceSelector, namespace}, {hook.ObjectSelector, pod.Labels}} {
		if each.selector == nil {
			continue
		}
		selector, err := meta.LabelSelectorAsSelector(each.selector)
		if err != nil || !selector.Matches(each.labels) {
			return false, err
		}
	}
	variables, err := conditionVariables(pod)
	if err != nil {
		return false, err
	}
	for _, condition := range hook.MatchConditions {
		holds, err := evaluate(condition.Expression, variables)
		if err != nil || !holds {
			return false, err
		}
	}
	return true, nil
}

func conditionVariables(pod *core.Pod) (map[string]any, error) {
	text, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	request := map[string]any{"namespace": pod.Namespace, "operation": "CREATE", "dryRun": false}
	return map[string]any{"object": object, "oldObject": nil, "request": request}, nil
}

// In the environment of an API server: what it does not know is a mistake here, too.
func evaluate(expression string, variables map[string]any) (bool, error) {
	base, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Env(environment.NewExpressions)
	if err != nil {
		return false, err
	}
	env, err := base.Extend(
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType), cel.Variable("request", cel.DynType),
	)
	if err != nil {
		return false, err
	}
	compiled, issues := env.Compile(expression)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	program, err := env.Program(compiled)
	if err != nil {
		return false, err
	}
	value, _, err := program.Eval(variables)
	if err != nil {
		return false, err
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%s is not true or false", expression)
	}
	return holds, nil
}
