package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite docs/feedbackctl.md")

const docsPath = "../../docs/feedbackctl.md"

// TestDocs compares docs/feedbackctl.md with what the commands say of themselves.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("# feedbackctl\n\n<!-- Written from the commands' own help: go test ./feedbackctl -run TestDocs -update -->\n\n")
	root := (&app{env: map[string]string{}}).rootCommand()
	b.WriteString(markdown(root.Long))
	b.WriteString("\nShell completion: `feedbackctl completion bash|zsh|fish|powershell --help` says how to load it.\n")
	for _, cmd := range root.Commands() {
		document(&b, cmd)
	}
	if *update {
		if err := os.WriteFile(docsPath, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatalf("%v; write it with go test ./feedbackctl -run TestDocs -update", err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("%s is not what the commands say; write it with go test ./feedbackctl -run TestDocs -update (-want +got):\n%s", docsPath, diff)
	}
}

func document(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Name() == "completion" || cmd.Name() == "help" {
		return
	}
	if cmd.HasSubCommands() {
		for _, sub := range cmd.Commands() {
			document(b, sub)
		}
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n%s", cmd.CommandPath(), markdown(cmd.Long))
	fmt.Fprintf(b, "\n```\n%s\n```\n", cmd.UseLine())
	fmt.Fprintf(b, "\nExamples:\n\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	fmt.Fprintf(b, "\nFlags:\n\n```\n%s```\n", cmd.NonInheritedFlags().FlagUsages())
}

// markdown sets the indented lines of a help text as code.
func markdown(long string) string {
	var b strings.Builder
	code := false
	for line := range strings.SplitSeq(long, "\n") {
		if indented := strings.HasPrefix(line, "  "); indented != code {
			code = indented
			b.WriteString(map[bool]string{true: "\n```\n", false: "```\n"}[code])
		}
		b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
	}
	if code {
		b.WriteString("```\n")
	}
	return b.String()
}
