package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

// lost is a connection that ended without a word of X.
func lost(err error) *xapi.Problem {
	p := &xapi.Problem{Kind: xapi.Transient, Reason: "StreamLost", Err: err,
		Message: fmt.Sprintf("the stream's connection ended (%v); it is opened again and the gap is searched for", err)}
	switch {
	case errors.Is(err, errIdle):
		p.Reason = "StreamSilent"
	case errors.Is(err, io.EOF):
		p.Reason = "StreamEnded"
	}
	return p
}

// disconnect reads a line without a post: X's word that it ends the connection, or nil for
// one that does not.
func disconnect(text []byte, page *post.Page) error {
	problems := page.Problems
	var top post.Problem // some of them stand without an `errors` around
	if json.Unmarshal(text, &top) == nil && top.Title != "" {
		problems = append(problems, top)
	}
	for _, p := range problems {
		switch {
		case p.ConnectionIssue != "":
			return &xapi.Problem{Kind: xapi.RateLimited, Reason: p.ConnectionIssue, Status: 429,
				Message: "X ended the stream (" + p.Detail + "): another process holds this app's stream; give each pipeline its own app or use mode Search"}
		case p.DisconnectType != "" || p.Title == "operational-disconnect":
			return &xapi.Problem{Kind: xapi.Transient, Reason: "StreamDisconnected",
				Message: "X ended the stream for reasons of its own (" + p.Detail + "); it is opened again and the gap is searched for"}
		}
	}
	return nil
}
