package executor

import (
	"fmt"
	"strings"
)

// unescape gives a value as a container would see it: "$$" is "$", and "$(NAME)" stays as it is where there is no
// variable of that name. One that a cluster would put in is an error.
func unescape(value string, defined func(name string) bool) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(value, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			value = after[1:]
			continue
		}
		if name, _, closed := strings.Cut(strings.TrimPrefix(after, "("), ")"); closed && after[0] == '(' && defined(name) {
			return "", fmt.Errorf("refers to $(%s), which only a cluster puts in", name)
		}
		b.WriteByte('$')
		value = after
	}
}
