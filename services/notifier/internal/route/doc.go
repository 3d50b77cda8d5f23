// Package route tells the events of one route, in order and once each.
//
// # What an event goes through
//
// Every state is a record in `notifications`, and the memory is nothing but these records;
// so what a crash leaves behind is always one of the states below.
//
//	            too old, refused for good
//	(nothing) ───────────────────────────────> SKIPPED
//	    │ a copy of what stands: counted there
//	    ├────────────────────────────────────> COLLAPSED
//	    │ waits for its turn
//	    ├──> INTENT ── chat.postMessage ─────> POSTED ───┐ edited out, deleted: chat.update
//	    │ waits for its digest                           ├──────────────> WITHDRAWN
//	    └──> INTENT of the digest ── post ───> DIGESTED ─┘ <───────────── edited in
//
// Only a revision above the one that the state bears changes anything. Before an event is
// told only its newest revision counts; after it was told, a revision changes the message
// that stands.
//
// # Why nothing is lost
//
// An offset is done when the last record that its event needs is acknowledged, and Done is
// given the oldest offset that is not done. So a crash makes all come again that is not
// told, and what comes again and was told is known by its revision.
//
// # Why nothing is told twice
//
// The order is: INTENT acknowledged, posted, outcome acknowledged. An intent without an
// outcome is a doubt: the message may stand or not. A doubt arises from a crash (read back
// on gaining the partitions) or from a lost answer. The rule is one: what is in doubt is
// looked up in the channel's history before it is posted again. For an intent of another
// process that waits until its lease is over; a lease is longer than a post may take, and
// nobody posts on a lease that is about to end. Slack has no fencing, so a message may
// still appear after it was looked for: what was in doubt is looked up twice more within
// a minute, and of several messages one stays. While an event is in doubt its later
// revisions wait, because it is not known what they change.
//
// A process that was stopped for a while (SIGSTOP, a laptop's lid) may no longer own the
// partitions without knowing it: after a pause it waits until a heartbeat would have told
// it. A lease, and the time for changing a message, begin when the loop was last seen
// running, so that one that is woken inside a step sends nothing more. What it sent just
// before and Slack answered too late it removes itself if another message stands; and a new
// owner looks again for what its predecessor told in the last 45 s.
//
// # Pressure
//
// Waiting events are bounded by number and bytes; beyond that nothing is fetched and lag
// grows in Kafka. Each: one message a turn; more than DigestAfter waiting are told as one
// digest, and then every BurstPause until the burst is over. Digest: when the window of
// the oldest waiting event is over. A stop never tells a digest early.
//
// # Changes of what stands
//
// Edits, deletions and counts wait by the message that they change, and one chat.update
// shows the newest state of all of them; then each event's outcome is written and its
// offsets are done. A crash before that makes them come again, which changes the message
// once more to the same. What a digest only counts, without showing its text, needs no
// update: its outcome is written at once. A part that Slack refuses is shown apart from the
// rest.
//
// New events go before changes; after changeLate the two take turns. Slack counts updates
// by token: the routes of one token share sink.Quota, and a 429 for an update holds updates
// only.
//
// # Memory
//
// What became of an event is remembered for seven days, or for a day longer than its
// maxAge, and for so many events as the process has memory for: half of GOMEMLIMIT divided by
// its routes, at 300 bytes an event (less is used), and a million a route at most. An event
// that is forgotten for its age and comes again is older than maxAge and skipped. One that is
// forgotten for want of room may be told again if it comes again or is edited; the log says
// so, and feedback_notifications_remembered_since_seconds how far back the memory goes. At
// most 5,000 events wait, or an eighth of GOMEMLIMIT divided by the routes, 4 to 32 MB.
package route
