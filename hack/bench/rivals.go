package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rivalsOf names for each rival its class and the jar that tells its version.
var rivalsOf = map[string]struct{ class, jar string }{
	"streams": {"StreamsScorer", "kafka-streams-"},
	"spark":   {"SparkScorer", "spark-sql_2.13-"},
}

// install compiles the rival against its jars, which Maven brings the first time.
func (b *bench) install(ctx context.Context, name string) rival {
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return rival{missing: fmt.Sprintf("%s is not installed: install a JDK (17 or later) and Maven", tool)}
		}
	}
	source := filepath.Join(b.root, "hack", "bench", "rivals")
	jars, err := b.jars(ctx, filepath.Join(source, name+".xml"), name)
	if err != nil {
		return rival{missing: err.Error()}
	}
	of := rivalsOf[name]
	classes := filepath.Join(b.dir, "classes")
	if out, err := exec.CommandContext(ctx, "javac", "-cp", filepath.Join(jars, "*"), "-d", classes, filepath.Join(source, of.class+".java")).CombinedOutput(); err != nil {
		return rival{missing: fmt.Sprintf("javac %s.java: %v: %s", of.class, err, bytes.TrimSpace(out))}
	}
	version := ""
	found, _ := filepath.Glob(filepath.Join(jars, of.jar+"*.jar"))
	for _, f := range found {
		version = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), of.jar), ".jar")
	}
	return rival{classPath: classes + string(filepath.ListSeparator) + filepath.Join(jars, "*"), version: version}
}

// jars returns the folder with what the pom asks for. A change of the pom asks anew.
func (b *bench) jars(ctx context.Context, pom, name string) (string, error) {
	want, err := os.ReadFile(pom)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.root, ".cache", "bench", name)
	kept := filepath.Join(dir, "pom.xml")
	if have, err := os.ReadFile(kept); err == nil && bytes.Equal(have, want) {
		return filepath.Join(dir, "jars"), nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "bench: Maven brings the jars of %s (once; up to 300 MB)\n", name)
	out, err := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies",
		"-DoutputDirectory="+filepath.Join(dir, "jars"), "-DincludeScope=runtime").CombinedOutput()
	if err != nil {
		first, _, _ := strings.Cut(string(bytes.TrimSpace(out)), "\n")
		return "", fmt.Errorf("mvn cannot bring the jars: %w: %s", err, first)
	}
	return filepath.Join(dir, "jars"), os.WriteFile(kept, want, 0o644)
}
