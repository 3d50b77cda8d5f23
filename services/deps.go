package services

import (
	_ "github.com/abadojack/whatlanggo"
	_ "github.com/caarlos0/env/v11"
	_ "github.com/g8rswimmer/go-twitter/v2"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/gorilla/websocket"
	_ "github.com/jonreiter/govader"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/segmentio/kafka-go"
	_ "github.com/slack-go/slack"
	_ "github.com/spf13/cobra"
	_ "github.com/twmb/franz-go/pkg/kfake"
	_ "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/time/rate"
	_ "google.golang.org/grpc"
	_ "google.golang.org/protobuf/proto"
)
