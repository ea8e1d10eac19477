package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// An unknown kind, an unknown or repeated field and a value of another type are mistakes.
func objects(text []byte) ([]string, error) {
	var mistakes []string
	decoded, err := decode(text, func(mistake error) { mistakes = append(mistakes, mistake.Error()) })
	if err != nil {
		return nil, err
	}
	if len(decoded) == 0 {
		return nil, errors.New("there is no object")
	}
	seen := map[string]bool{}
	for _, object := range decoded {
		accessor, err := meta.Accessor(object)
		if err != nil {
			return nil, err
		}
		kind := object.GetObjectKind().GroupVersionKind()
		name := fmt.Sprintf("%s %s/%s", kind, accessor.GetNamespace(), accessor.GetName())
		if accessor.GetName() == "" {
			mistakes = append(mistakes, name+": it has no name")
		}
		if seen[name] {
			mistakes = append(mistakes, name+": it is there twice")
		}
		seen[name] = true
	}
	return mistakes, nil
}

func decode(text []byte, mistake func(error)) ([]runtime.Object, error) {
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoring.AddToScheme, certmanager.AddToScheme} {
		if err := add(kinds); err != nil {
			return nil, err
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, kinds, kinds, json.SerializerOptions{Yaml: true, Strict: true})
	var decoded []runtime.Object
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return decoded, nil
		}
		if err != nil {
			return nil, err
		}
		if isEmpty(document) {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			mistake(fmt.Errorf("%w in:\n%s", err, firstLines(document)))
			if object == nil {
				continue
			}
		}
		decoded = append(decoded, object)
	}
}

func isEmpty(document []byte) bool {
	for line := range bytes.Lines(document) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

func firstLines(document []byte) []byte {
	lines := bytes.SplitAfterN(document, []byte("\n"), 9)
	return bytes.Join(lines[:min(8, len(lines))], nil)
}
