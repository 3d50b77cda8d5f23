"""A server for spec.scorer.grpc: a Hugging Face model that was made for sentiment, with three classes. From the
repository's root:

    pip install grpcio grpcio-health-checking grpcio-tools torch transformers
    mkdir scorer && cp docs/examples/scorer.py scorer
    python -m grpc_tools.protoc -I proto --python_out=scorer --grpc_python_out=scorer proto/feedback/v1/{event,scored,scorer_service}.proto
    PORT=9090 MODEL=cardiffnlp/twitter-xlm-roberta-base-sentiment python scorer/scorer.py
"""
import concurrent.futures
import os

import grpc
import transformers
from feedback.v1 import scored_pb2, scorer_service_pb2, scorer_service_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

MODEL = os.environ.get("MODEL", "cardiffnlp/twitter-xlm-roberta-base-sentiment")


class Scorer(scorer_service_pb2_grpc.SentimentScorerServiceServicer):
    def __init__(self):
        self.classify = transformers.pipeline("text-classification", MODEL, top_k=None, truncation=True)

    def Score(self, request, context):  # one sentiment for each document, in their order
        said = iter(self.classify([d.text for d in request.documents if d.text.strip()], batch_size=32))
        answer = scorer_service_pb2.ScoreResponse()
        for document in request.documents:
            sentiment = answer.sentiments.add(model=MODEL)
            if not document.text.strip():
                sentiment.unscored_reason = scored_pb2.UNSCORED_REASON_NO_TEXT
                continue
            p = {c["label"].lower(): c["score"] for c in next(said)}
            sentiment.score = min(1, p["positive"] + p["neutral"] / 2)
            sentiment.label = scored_pb2.Label.Value("LABEL_" + max(p, key=p.get).upper())
        return answer


server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=2))
scorer_service_pb2_grpc.add_SentimentScorerServiceServicer_to_server(Scorer(), server)
healthy = health.HealthServicer()
healthy.set("feedback.v1.SentimentScorerService", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
server.add_insecure_port("[::]:" + os.environ.get("PORT", "9090"))
server.start()
server.wait_for_termination()
