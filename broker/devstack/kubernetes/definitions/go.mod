// Modules of which only files are wanted, and no package: `go mod tidy` would drop them.
module dsn-broker.io/devstack/kubernetes/definitions

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
