// Package failpoint names the lines between two effects at which a crash, or a pause, would
// hurt most, so that a test can end or stop a real process exactly there.
//
// In a normal build Here is empty and nothing of this package is in a program (a test holds
// that). With the build tag failpoint the environment says what happens at which point:
//
//	FAILPOINT=notifier.card.before-post=kill          SIGKILL to itself
//	FAILPOINT=notifier.card.before-post=stop@2        SIGSTOP to itself at the second pass
//	FAILPOINT=stream.handled=kill,stream.produced=kill
//	FAILPOINT_DIR=folder                              required: what has fired
//
// Before it acts, a point leaves a file of its name in FAILPOINT_DIR, holding the action and
// the process id. A point whose file is there does nothing: a process that is started again
// with the same environment passes it.
package failpoint

// Name is a point's name: program, what is in hand, and where it stands.
type Name string

// The points, in the order in which data meets them. Each is one line of code and has an
// end-to-end case of its own (hack/e2e/failpoint).
const (
	// SlackReceived: Slack has handed over events, and none of them is in Kafka.
	SlackReceived Name = "slack-ingest.event.received"
	// SlackWritten: they are in Kafka, and Slack has no acknowledgement.
	SlackWritten Name = "slack-ingest.event.written"
	// SlackPageRead: a page of a channel's history is read, and nothing of it is in Kafka.
	SlackPageRead Name = "slack-ingest.page.read"
	// SlackPageWritten: its newest page is in Kafka, and the checkpoint is as before.
	SlackPageWritten Name = "slack-ingest.page.written"
	// SlackGapWritten: a page of an open gap is in Kafka, and the checkpoint has it as a gap.
	SlackGapWritten Name = "slack-ingest.gap.written"
	// SlackChangesWritten: edits and replies were read back, and the checkpoint does not say so.
	SlackChangesWritten Name = "slack-ingest.changes.written"

	// XReserved: a page of X is charged to the budget, and was not asked for.
	XReserved Name = "twitter-ingest.page.reserved"
	// XPageRead: a page was read and billed, and nothing of it is in Kafka.
	XPageRead Name = "twitter-ingest.page.read"
	// XPageWritten: it is in Kafka, and the checkpoint is as before.
	XPageWritten Name = "twitter-ingest.page.written"
	// XStreamRead: posts came by the stream, and none of them is in Kafka.
	XStreamRead Name = "twitter-ingest.stream.read"
	// XStreamWritten: they are in Kafka, and no checkpoint tells of them.
	XStreamWritten Name = "twitter-ingest.stream.written"

	// StreamFetched: a batch is fetched and not handled.
	StreamFetched Name = "stream.fetched"
	// StreamHandled: it is handled, and nothing of it is produced.
	StreamHandled Name = "stream.handled"
	// StreamProduced: all of it is produced and acknowledged, and none of it done.
	StreamProduced Name = "stream.produced"
	// BeforeCommit: records are done, and their offsets are about to be committed.
	BeforeCommit Name = "kafka.before-commit"
	// Committed: the offsets are committed, and the process does not know it yet.
	Committed Name = "kafka.committed"

	// CardChosen: an event's turn has come, and no intent is written.
	CardChosen Name = "notifier.card.before-intent"
	// CardIntent: the intent is written, and it is not decided whether its lease still allows to post.
	CardIntent Name = "notifier.card.intent-written"
	// CardBeforePost: the lease was found to allow it, and the request is not sent.
	CardBeforePost Name = "notifier.card.before-post"
	// PostSending: a chat.postMessage is made, and its first byte is not sent.
	PostSending Name = "slack.post.sending"
	// PostAnswered: Slack has stored the message and answered, and the answer is not read.
	PostAnswered Name = "slack.post.answered"
	// CardPosted: the answer is read, and the outcome not written.
	CardPosted Name = "notifier.card.posted"
	// DigestMade: a digest is made, and no intent is written.
	DigestMade Name = "notifier.digest.before-intent"
	// DigestIntent: its intent is written, with the events that it tells.
	DigestIntent Name = "notifier.digest.intent-written"
	// DigestBeforePost: the lease was found to allow it, and the request is not sent.
	DigestBeforePost Name = "notifier.digest.before-post"
	// DigestPosted: the digest stands, and no outcome is written.
	DigestPosted Name = "notifier.digest.posted"
	// OutcomesHalf: of several outcomes the first half is written.
	OutcomesHalf Name = "notifier.outcomes.half-written"
	// OutcomesWritten: the outcomes are written, and the offsets of their events are not done.
	OutcomesWritten Name = "notifier.outcomes.written"
	// RevisionChosen: a card is about to be changed because its event was.
	RevisionChosen Name = "notifier.revision.before-update"
	// UpdateAnswered: Slack has changed the message and answered, and the answer is not read.
	UpdateAnswered Name = "slack.update.answered"
	// RevisionShown: the card shows the revision, and no outcome is written.
	RevisionShown Name = "notifier.revision.shown"
	// CountChosen: a card is about to show how many events it stands for.
	CountChosen Name = "notifier.count.before-update"
	// CountShown: the card shows the count, and it is not written.
	CountShown Name = "notifier.count.shown"
	// DoubtsResolved: what the last owner left in doubt was looked up, and nothing of it is written.
	DoubtsResolved Name = "notifier.restore.looked-up"
)
