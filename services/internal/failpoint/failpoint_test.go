package failpoint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// names are the points by their constants, and the doc of each.
func names(t *testing.T) (names, docs map[string]string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "failpoint.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	names, docs = map[string]string{}, map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names[v.Names[0].Name], docs[v.Names[0].Name] = value, v.Doc.Text()
		}
		return true
	})
	return names, docs
}

// uses counts the lines of the services' code that name a constant of this package.
func uses(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "failpoint" {
					count[s.Sel.Name]++
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestEachPointIsOneLineOfCode(t *testing.T) {
	names, docs := names(t)
	if len(names) == 0 {
		t.Fatal("failpoint.go has no points")
	}
	values, count := map[string]string{}, uses(t)
	for constant, name := range names {
		if got := count[constant]; got != 1 {
			t.Errorf("%s (%s) is used at %d lines, want 1", constant, name, got)
		}
		if other, ok := values[name]; ok {
			t.Errorf("%s and %s are both called %s", constant, other, name)
		}
		values[name] = constant
		if !strings.HasPrefix(docs[constant], constant+": ") {
			t.Errorf("the doc of %s is %q, want that it begins with its name and a colon", constant, docs[constant])
		}
	}
}

func TestEachPointHasAnEndToEndCase(t *testing.T) {
	text, err := os.ReadFile("../../../hack/e2e/failpoint/cases_test.go")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t\{point: "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		cases[m[1]] = true
	}
	names, _ := names(t)
	for _, name := range names {
		if !cases[name] {
			t.Errorf("%s has no case in hack/e2e/failpoint", name)
		}
		delete(cases, name)
	}
	for name := range cases {
		t.Errorf("hack/e2e/failpoint has a case for %s, which is no point", name)
	}
}

func TestNormalProgramsHaveNothingOfIt(t *testing.T) {
	if Built {
		t.Skip("built with the tag failpoint")
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "./slack-ingest", "./twitter-ingest", "./sentiment-scorer", "./notifier")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	programs, err := os.ReadDir(dir)
	if err != nil || len(programs) != 4 {
		t.Fatalf("built %d programs (%v), want 4", len(programs), err)
	}
	names, _ := names(t)
	for _, p := range programs {
		text, err := os.ReadFile(filepath.Join(dir, p.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if bytes.Contains(text, []byte(name)) {
				t.Errorf("%s contains the text %q", p.Name(), name)
			}
		}
		symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", filepath.Join(dir, p.Name())).Output()
		if err != nil || bytes.Contains(symbols, []byte("services/internal/failpoint.")) {
			t.Errorf("%s has a symbol of this package (%v)", p.Name(), err)
		}
		if bytes.Contains(text, []byte("FAILPOINT")) {
			t.Errorf("%s contains the text FAILPOINT", p.Name())
		}
	}
}
