// Command kubernetes is an API server of Kubernetes as clients know it, and the etcd behind it, in one process.
//
//	kubernetes FOLDER FLAG…
//
// etcd is on sockets in the folder and keeps its data there; the flags are kube-apiserver's own.
package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kubernetes FOLDER FLAG…")
		os.Exit(2)
	}
	store, err := startEtcd(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
	os.Args = append([]string{"kube-apiserver", "--etcd-servers=" + store}, os.Args[2:]...)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

// Answers when it takes requests, with its address.
func startEtcd(folder string) (string, error) {
	clients := url.URL{Scheme: "unix", Path: filepath.Join(folder, "clients")}
	peers := url.URL{Scheme: "unix", Path: filepath.Join(folder, "peers")}
	config := embed.NewConfig()
	config.Dir = filepath.Join(folder, "etcd")
	config.LogLevel = "error"
	config.ListenClientUrls, config.ListenPeerUrls = []url.URL{clients}, []url.URL{peers}
	// Nobody needs what it holds after this machine has lost its power.
	config.UnsafeNoFsync = true
	// It elects itself: there is nobody to wait for.
	config.TickMs, config.ElectionMs = 10, 100
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return clients.String(), nil
	case err := <-etcd.Err():
		return "", err
	}
}
