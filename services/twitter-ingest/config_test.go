package main

import (
	"io"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

func TestGolden(t *testing.T) { runtest.CheckGolden(t, &config{}, "testdata/env.golden") }

// environ is a set of settings that is good, with some replaced ("NAME=value").
func environ(replace ...string) []string {
	return append([]string{"SOURCE=mentions", "X_QUERY=#azure", "X_BEARER_TOKEN=AAAA-token", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092"}, replace...)
}

func TestDefaults(t *testing.T) {
	c := &config{}
	if err := run.Parse("twitter-ingest", c, nil, environ(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if c.X.Mode != modeSearch || c.X.DailyPostBudget != 10_000 || c.X.APIURL != "https://api.x.com" {
		t.Errorf("settings = %+v, want the defaults", c.X)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		replace []string
		want    string // in the error: the field and its value
	}{
		{[]string{"SOURCE="}, "SOURCE is empty"},
		{[]string{"SOURCE=a/b"}, `SOURCE "a/b"`},
		{[]string{"X_QUERY= "}, "X_QUERY is empty"},
		{[]string{"X_QUERY=" + strings.Repeat("ü", 257)}, "from 514 to at most 512 bytes"},
		{[]string{"X_MODE=search"}, `X_MODE "search"`},
		{[]string{"X_INTERVAL=500ms"}, `X_INTERVAL "500ms"`},
		{[]string{"X_BACKFILL=169h"}, `X_BACKFILL "169h0m0s"`},
		{[]string{"X_BACKFILL=-1s"}, `X_BACKFILL "-1s"`},
		{[]string{"X_DAILY_POST_BUDGET=9"}, `X_DAILY_POST_BUDGET "9"`},
		{[]string{"X_DAILY_POST_BUDGET=many"}, `X_DAILY_POST_BUDGET "many"`},
		{[]string{"X_MODE=Stream", "X_DAILY_POST_BUDGET=100"}, `X_DAILY_POST_BUDGET "100"`},
		{[]string{"X_BEARER_TOKEN=\n"}, "X_BEARER_TOKEN is empty"},
		{[]string{"X_BEARER_TOKEN=hush hush"}, `X_BEARER_TOKEN "[secret]"`},
		{[]string{"X_API_URL=api.x.com"}, `X_API_URL "api.x.com"`},
		{[]string{"KAFKA_BOOTSTRAP_SERVERS="}, "KAFKA_BOOTSTRAP_SERVERS"},
	} {
		err := run.Parse("twitter-ingest", &config{}, nil, environ(c.replace...), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q: %v, want an error with %s", c.replace, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "AAAA")) {
			t.Errorf("with %q: the error shows the token: %v", c.replace, err)
		}
	}
}
