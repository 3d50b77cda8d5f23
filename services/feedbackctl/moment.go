package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment reads a point in time that a flag gives: an age such as 2h, or RFC 3339. Empty is
// the zero time.
func (a *app) moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	age, err := parseAge(text)
	if err != nil || age <= 0 {
		return time.Time{}, usagef("--%s %q: give an age such as 2h or 30m, or a time such as 2026-11-22T14:00:00Z", flag, text)
	}
	return a.now().Add(-age), nil
}

// parseAge reads a duration, which may be in days: 7d.
func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 12)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

// past reads a point in time that has to be given.
func (a *app) past(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, usagef("--%s is empty: give an age such as 7d or 12h, or a time such as 2026-11-22T14:00:00Z", flag)
	}
	return a.moment(flag, text)
}

// span reads --since and --until.
func (a *app) span(since, until string) (from, to time.Time, err error) {
	if from, err = a.moment("since", since); err != nil {
		return from, to, err
	}
	if to, err = a.moment("until", until); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, usagef("--since %s --until %s: nothing lies between; --since is the older of the two", since, until)
	}
	return from, to, nil
}

// confirm asks on stderr and takes y or yes from stdin; anything else is an error, and
// nothing is done.
func (a *app) confirm(question string) error {
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	case "":
		if err != nil { // nobody is there to answer
			fmt.Fprintln(a.err)
			return usagef("nobody confirmed it on stdin: nothing was done; give --yes where no person can answer, or --dry-run to see what would be done")
		}
	}
	return fmt.Errorf("not confirmed: nothing was done")
}

// age writes how long ago a moment was, in the largest unit that says enough.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// plural writes a number of things.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
