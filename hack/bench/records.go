package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	partitions  = 4
	batchSize   = 1000    // records in one batch on the wire
	blockSize   = 100_000 // records that are made; a topic of more has them several times
	textLength  = 200     // bytes that texts in ASCII are joined up to
	idPrefix    = "slack:T0123456789:C0123456789:"
	contentType = "application/protobuf"
)

// texts reads the demo's corpus. Texts in ASCII are joined until they have about 200 bytes, others stay
// as they are, so that no text has two languages.
func texts(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var out []string
	joined := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		_, text, ok := strings.Cut(lines.Text(), "\t")
		switch {
		case !ok || text == "":
		case utf8.RuneCountInString(text) != len(text):
			out = append(out, text)
		default:
			if joined = strings.TrimSpace(joined + " " + text); len(joined) >= textLength {
				out = append(out, joined[:min(len(joined), textLength+50)])
				joined = ""
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New(file + ": no texts")
	}
	return out, nil
}

// event is a Slack message as slack-ingest writes it: its value, its headers.
func event(id, text string, at time.Time) ([]byte, []kmsg.Header, error) {
	stamp := timestamppb.New(at)
	value, err := proto.Marshal(&feedbackv1.Event{
		Id: id, Source: "community", Kind: feedbackv1.SourceKind_SOURCE_KIND_SLACK, Text: text,
		Author:    &feedbackv1.Author{Id: "U0123456789", Handle: "ada", DisplayName: "Ada Lovelace"},
		CreatedAt: stamp, RevisedAt: stamp, IngestedAt: stamp, Url: "https://example.slack.com/archives/C0123456789/p1762093805000100",
		Origin: &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{TeamId: "T0123456789", ChannelId: "C0123456789", ChannelName: "feedback", Ts: "1762093805.000100"}},
	})
	if err != nil {
		return nil, nil, err
	}
	var headers []kmsg.Header
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", id + "@0"}, {"ce_source", "/community"}, {"ce_type", "dev.feedbackpipeline.event.v1"},
		{"ce_time", at.UTC().Format(time.RFC3339Nano)}, {"content-type", contentType},
	} {
		headers = append(headers, kmsg.Header{Key: h[0], Value: []byte(h[1])})
	}
	return value, headers, nil
}

// record is a key with its value: an event with its headers, or the plain text and none.
func record(plain bool, id, text string, at time.Time) (value []byte, headers []kmsg.Header, err error) {
	if plain {
		return []byte(text), nil, nil
	}
	return event(id, text, at)
}

// block is blockSize records as batches ready for the wire, by partition, at least; and how many they are.
type block struct {
	batches [partitions][][]byte
	records int
	bytes   int64 // of keys, values and headers
}

// newBlock makes a block whose records lie in the partitions that Java's partitioner gives their keys.
func newBlock(plain bool, texts []string) (*block, error) {
	b := &block{}
	var pending [partitions][]kmsg.Record
	balancer := kafka.Murmur2Balancer{Consistent: true}
	all := []int{0, 1, 2, 3}
	at := time.Now()
	for i := 0; b.records < blockSize; i++ {
		id := fmt.Sprintf("%s1762093805.%06d", idPrefix, i)
		value, headers, err := record(plain, id, texts[i%len(texts)], at)
		if err != nil {
			return nil, err
		}
		p := balancer.Balance(kafka.Message{Key: []byte(id)}, all...)
		pending[p] = append(pending[p], kmsg.Record{OffsetDelta: int32(len(pending[p])), Key: []byte(id), Value: value, Headers: headers})
		b.bytes += int64(len(id) + len(value))
		if len(pending[p]) == batchSize {
			b.batches[p] = append(b.batches[p], encode(pending[p], at))
			pending[p] = pending[p][:0]
			b.records += batchSize
		}
	}
	return b, nil
}

// encode is a batch as it stands on the wire, uncompressed.
func encode(recs []kmsg.Record, at time.Time) []byte {
	var body []byte
	for _, r := range recs {
		r.Length = int32(len(r.AppendTo(nil))) - 1 // Length itself is one byte while it is 0
		body = r.AppendTo(body)
	}
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(recs) - 1),
		FirstTimestamp: at.UnixMilli(), MaxTimestamp: at.UnixMilli(),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(recs)), Records: body,
	}
	raw := b.AppendTo(nil)
	const behindLength, behindCRC = 12, 21
	b.Length = int32(len(raw) - behindLength)
	b.CRC = int32(crc32.Checksum(raw[behindCRC:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}
