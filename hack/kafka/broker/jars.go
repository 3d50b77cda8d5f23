package broker

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Version is the Apache Kafka that Real runs.
const Version = "4.4.0"

const minJava = 17

//go:embed pom.xml
var pom []byte

// Available tells whether Real can be started here: ok, or the reason why not and how to mend it. It is the text for
// a skipped test.
func Available(ctx context.Context) (reason string, ok bool) {
	version, err := javaVersion(ctx)
	switch {
	case err != nil:
		return fmt.Sprintf("Java is missing (%v): install a JDK or JRE, version %d or later, for example "+
			"`apt-get install openjdk-17-jre-headless` or `brew install openjdk`", err, minJava), false
	case version < minJava:
		return fmt.Sprintf("Java is too old (%d): Apache Kafka %s needs version %d or later", version, Version, minJava), false
	}
	dir, err := jarsDir()
	if err != nil {
		return err.Error(), false
	}
	if complete(dir) {
		return "", true
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return fmt.Sprintf("Maven is missing, and Apache Kafka's jars are not in %s yet: install it, for example "+
			"`apt-get install maven` or `brew install maven`", dir), false
	}
	return "", true
}

// jars returns the folder with Apache Kafka's jars, which Maven copies there the first time (about 120 MB).
func jars(ctx context.Context) (string, error) {
	dir, err := jarsDir()
	if err != nil || complete(dir) {
		return dir, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "copying-") // renamed when whole, so that a half copy is never taken
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	file := filepath.Join(tmp, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return "", err
	}
	libs := filepath.Join(tmp, "libs")
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies",
		"-DoutputDirectory="+libs, "-DincludeScope=runtime")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("copy Apache Kafka's jars with mvn: %w\n%s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(libs, dir); err != nil && !complete(dir) {
		return "", fmt.Errorf("keep Apache Kafka's jars: %w", err)
	}
	return dir, nil
}

func jarsDir() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".cache", "kafka", Version), nil
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "kafka_2.13-"+Version+".jar"))
	return err == nil
}

// Root is the repository's root: the nearest folder upwards that has a go.work.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.work in %s or above it: run this inside the repository", dir)
		}
	}
}

var javaVersionLine = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

func javaVersion(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return 0, err
	}
	found := javaVersionLine.FindSubmatch(out)
	if found == nil {
		return 0, errors.New("`java -version` said " + strings.TrimSpace(string(out)))
	}
	return strconv.Atoi(string(found[1]))
}
