// Reads a repository secret of Argo CD, as JSON, from standard input: with the code by which Argo CD's repo server does, and
// then tests the repository with it. Prints what it read as JSON, the password as a hash.
//
// Usage: argocd-settings URL REGISTRY, where URL is the repository that an application names, and REGISTRY the address of
// the server on loopback that stands for its host, without TLS.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"

	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/oci"
	"github.com/argoproj/argo-cd/v3/util/settings"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// What Argo CD makes of the secret.
type answer struct {
	Name      string `json:"name"`
	URL       string `json:"url"`
	Type      string `json:"type"`
	EnableOCI bool   `json:"enableOCI"`
	Username  string `json:"username"`
	// SHA-256, in hexadecimal digits.
	PasswordHash string `json:"passwordHash"`
	// Why the test of the repository failed; empty if it did not.
	Problem string `json:"problem"`
}

func main() {
	var secret corev1.Secret
	check(json.NewDecoder(os.Stdin).Decode(&secret))
	// without it there are no settings at all
	settingsOf := metav1.ObjectMeta{
		Name:      "argocd-cm",
		Namespace: secret.Namespace,
		Labels:    map[string]string{"app.kubernetes.io/part-of": "argocd"},
	}
	clientset := fake.NewClientset(&secret, &corev1.ConfigMap{ObjectMeta: settingsOf})
	ctx := context.Background()
	manager := settings.NewSettingsManager(ctx, clientset, secret.Namespace)
	repository, err := db.NewDB(secret.Namespace, manager, clientset).GetRepository(ctx, os.Args[1], "")
	check(err)

	hash := sha256.Sum256([]byte(repository.Password))
	read := answer{
		Name:         repository.Name,
		URL:          repository.Repo,
		Type:         repository.Type,
		EnableOCI:    repository.EnableOCI,
		Username:     repository.Username,
		PasswordHash: hex.EncodeToString(hash[:]),
	}
	creds := repository.GetOCICreds()
	creds.InsecureHTTPOnly = true
	ignore := func(string) func() { return func() {} }
	handlers := oci.EventHandlers{OnTestRepo: ignore, OnTestRepoFail: ignore}
	client, err := oci.NewClient("oci://"+os.Args[2], creds, "", "", nil, oci.WithEventHandlers(handlers))
	check(err)
	if _, err := client.TestRepo(ctx); err != nil {
		read.Problem = err.Error()
	}
	check(json.NewEncoder(os.Stdout).Encode(read))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
