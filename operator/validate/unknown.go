package validate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// unknown is the problem of a field that the schema s does not know, with what was probably meant.
func unknown(s *schema.Structural, path string) Problem {
	parent, name := "", path
	if dot := strings.LastIndex(path, "."); dot >= 0 {
		parent, name = path[:dot], path[dot+1:]
	}
	known := fieldsAt(s, parent)
	if best := closest(name, known); best != "" {
		return Problem{Field: path, Detail: fmt.Sprintf("unknown field; did you mean %q?", best)}
	}
	if len(known) == 0 {
		return Problem{Field: path, Detail: "unknown field; remove it"}
	}
	return Problem{Field: path, Detail: "unknown field; use one of " + strings.Join(known, ", ")}
}

// fieldsAt returns the names of the fields that s has at path, sorted.
func fieldsAt(s *schema.Structural, path string) []string {
	for step := range strings.SplitSeq(path, ".") {
		if step == "" {
			continue
		}
		name, _, inList := strings.Cut(step, "[")
		next, ok := s.Properties[name]
		if !ok {
			return nil
		}
		s = &next
		if inList {
			s = s.Items
		}
		if s == nil {
			return nil
		}
	}
	var names []string
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// closest returns the one of names that is nearest to name, empty if none is near: at most a third of the letters
// differ, upper and lower case being the same.
func closest(name string, names []string) string {
	best, least := "", len(name)/3+1
	for _, candidate := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d <= least && (best == "" || d < least) {
			best, least = candidate, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
