// Package spec writes the generated parts of docs/spec/feedbackpipeline.md: fields from the resource's schema, reasons
// from what package status makes of each, versions from where they are set. What people wrote around them stays.
package spec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Page is the page's path in the repository, Health that of Argo CD's script.
const (
	Page   = "docs/spec/feedbackpipeline.md"
	Health = "charts/feedback-pipeline/argocd/health.lua"
)

// Render returns the page at root, a checkout of the repository, as it is and as it shall be.
func Render(root string) (is, shall []byte, err error) {
	is, err = os.ReadFile(filepath.Join(root, Page))
	if err != nil {
		return nil, nil, err
	}
	script, err := os.ReadFile(filepath.Join(root, Health))
	if err != nil {
		return nil, nil, err
	}
	reasons, err := Reasons(string(script))
	if err != nil {
		return nil, nil, err
	}
	fields, err := Fields()
	if err != nil {
		return nil, nil, err
	}
	versions, err := versions(root)
	if err != nil {
		return nil, nil, err
	}
	shall = is
	for _, part := range []struct{ name, text string }{{"spec", fields.Spec}, {"status", fields.Status}, {"reasons", reasons}, {"versions", versions}} {
		if shall, err = replace(shall, part.name, part.text); err != nil {
			return nil, nil, err
		}
	}
	return is, shall, nil
}

// replace puts text between the markers of that name.
func replace(page []byte, name, text string) ([]byte, error) {
	begin, end := fmt.Appendf(nil, "<!-- begin %s: make generate -->\n", name), fmt.Appendf(nil, "<!-- end %s -->", name)
	before, rest, opened := bytes.Cut(page, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !opened || !closed {
		return nil, errors.New(Page + " has no lines " + string(begin) + "and " + string(end))
	}
	return bytes.Join([][]byte{before, begin, []byte("\n" + text + "\n"), end, after}, nil), nil
}
