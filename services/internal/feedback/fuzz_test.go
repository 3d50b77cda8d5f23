package feedback

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// FuzzDecode: whatever stands in a topic, decoding never panics, what it gives is written and
// read again as the same, and whatever cannot be read fits into the dead letters.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/release/*")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		r, err := unmarshalRecord(data)
		if err != nil {
			f.Fatalf("%s: %v", name, err)
		}
		f.Add(r.Value, Header(r, HeaderContentType))
	}
	f.Add([]byte(`{"id":"x:1","createdAt":"0001-01-01T00:00:00Z","nobody":{"knows":[this]}}`), contentJSON)
	f.Add([]byte{0x0a, 0x01, 0xff}, contentProtobuf)
	f.Fuzz(func(t *testing.T, value []byte, content string) {
		r := kafka.Record{Key: []byte("k"), Value: value, Headers: []kafka.Header{{Key: HeaderContentType, Value: []byte(content)}}}
		readAgain(t, r, EventRecord, DecodeEvent)
		readAgain(t, r, ScoredRecord, DecodeScored)
		readAgain(t, r, NotificationRecord, DecodeNotification)
		readAgain(t, r, CheckpointRecord, DecodeSourceState)
		readAgain(t, r, HealthRecord, DecodeHealth)
		if e, err := DecodeEvent(r); err == nil {
			Match{Keywords: []string{"a"}, Authors: []string{"@b"}, Languages: []string{"en"}}.Event(e)
		} else if d := DeadLetter("dead", r, "Malformed", err, 1); len(d.Value) > maxDeadLetter || len(Header(d, HeaderError)) > 1010 {
			t.Errorf("dead letter of %d bytes, its error of %d", len(d.Value), len(Header(d, HeaderError)))
		}
	})
}

func readAgain[M proto.Message](t *testing.T, r kafka.Record, encode func(string, Format, M) (kafka.Record, error), decode func(kafka.Record) (M, error)) {
	t.Helper()
	first, err := decode(r)
	if err != nil {
		return
	}
	format := Protobuf
	if Header(r, HeaderContentType) == contentJSON {
		format = JSON
	}
	written, err := encode("topic", format, first)
	if err != nil {
		t.Fatalf("%T is read from %q and cannot be written: %v", first, r.Value, err)
	}
	if len(written.Value) == 0 {
		return // all fields have their defaults; a value must not be empty, so this one is refused
	}
	second, err := decode(written)
	if err != nil || !equal(first, second) {
		t.Errorf("%T is read as %v, written, and then read as %v (%v)", first, first, second, err)
	}
}

// equal compares by the bytes on the wire: proto.Equal takes NaN for unequal to itself.
func equal(a, b proto.Message) bool {
	deterministic := proto.MarshalOptions{Deterministic: true}
	x, err1 := deterministic.Marshal(a)
	y, err2 := deterministic.Marshal(b)
	return errors.Join(err1, err2) == nil && bytes.Equal(x, y)
}

// FuzzMatch: whatever MATCH says, reading never panics, and what is valid can be written and
// read again as the same and asked.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `{"scoreBelow":0.3,"scoreAbove":1e-9}`, `{"keywords":["azure","İ"],"excludeKeywords":["ß"]}`,
		`{"languages":["en","pt-BR"],"authors":["@ana",""],"excludeAuthors":["U1"],"sources":["x"]}`,
		`{"scoreBelow":1e999}`, `{"score":1}`, `{} {}`, `null`, `[]`, `{"keywords":"azure"}`,
	} {
		f.Add([]byte(s), "Azure is down")
	}
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		var m Match
		if m.UnmarshalText(b) != nil || m.Validate() != nil {
			return
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", m, err)
		}
		var again Match
		if err := errors.Join(again.UnmarshalText(written), again.Validate()); err != nil || !cmp.Equal(normal(m), normal(again)) {
			t.Errorf("%q reads as %+v, then as %+v (%v)", b, m, again, err)
		}
		e := event()
		e.Text = text
		score := 0.5
		for _, s := range []*feedbackv1.ScoredEvent{{}, {Event: e}, {Event: e, Sentiment: &feedbackv1.Sentiment{Score: &score}}} {
			if got, want := again.Scored(s), m.Scored(s); got != want {
				t.Errorf("%q: Scored = %v, want %v as before", b, got, want)
			}
		}
	})
}

// normal makes empty lists nil: both mean the same.
func normal(m Match) Match {
	for _, list := range []*[]string{&m.Sources, &m.Languages, &m.Keywords, &m.ExcludeKeywords, &m.Authors, &m.ExcludeAuthors} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return m
}
