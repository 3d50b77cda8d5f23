package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// versions says with which versions of Kubernetes the operator works, from where they are set.
func versions(root string) (string, error) {
	find := func(file, pattern string) (string, error) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return "", err
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			return "", fmt.Errorf("%s has nothing like %s", file, pattern)
		}
		return string(found[1]), nil
	}
	least, err := find("charts/feedback-pipeline/Chart.yaml", `(?m)^kubeVersion: ">=([0-9.]+)`)
	if err != nil {
		return "", err
	}
	client, err := find("operator/go.mod", `k8s\.io/apimachinery v0\.([0-9.]+)`)
	if err != nil {
		return "", err
	}
	server, err := find("hack/tools/apiserver/go.mod", `k8s\.io/kubernetes v([0-9.]+)`)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("| least version that the chart installs on | built with the client of | tests run on kube-apiserver |\n|---|---|---|\n| %s | 1.%s | %s |\n", least, client, server), nil
}
