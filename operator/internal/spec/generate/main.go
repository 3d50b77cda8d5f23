// Command generate writes the generated parts of docs/spec/feedbackpipeline.md anew: go run ./internal/spec/generate
// in operator/.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/spec"
)

func main() {
	const root = ".."
	_, page, err := spec.Render(root)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, spec.Page), page, 0o644) //nolint:gosec // a page for all to read
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
