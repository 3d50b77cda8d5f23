package builtin

import "strings"

// Emoticons are read by their eyes and mouth, the nose left out.
const (
	eyes  = ":;=8"
	noses = "-'^o,"
)

// mouths are what an emoticon can end in, with what it shows: what shows the same is one token.
var mouths = [128]uint8{
	')': happy, ']': happy, '}': happy, '>': happy, '3': happy, 'b': happy,
	'D': laughing, 'd': laughing,
	'(': sad, '[': sad, '{': sad, '<': sad, 'c': sad, 'C': sad,
	'P': cheeky, 'p': cheeky,
	'/': doubtful, '\\': doubtful, '|': flat, 's': doubtful, 'S': doubtful,
	'O': surprised, 'o': surprised, '0': surprised,
	'*': kissing, 'x': kissing, 'X': kissing, '@': angry, '#': doubtful, '$': doubtful,
}

// What emoticons show.
const (
	_ = iota
	happy
	laughing
	winking
	cheeky
	kissing
	loving
	sad
	crying
	angry
	doubtful
	flat
	surprised
	broken
	annoyed
)

func face(shows uint8) uint64 { return finish(seedEmoticon + uint64(shows)) }

// emoticon returns the length and the token of the emoticon at the beginning of s; no length if there is none.
func emoticon(s string) (int, uint64) {
	for _, whole := range [...]struct {
		form  string
		shows uint8
	}{{"<3", loving}, {"</3", broken}, {"^^", happy}, {"^_^", happy}, {"-_-", annoyed}, {"(:", happy}, {"(;", winking}, {"):", sad}, {">:(", angry}, {"._.", annoyed}} {
		if strings.HasPrefix(s, whole.form) {
			return len(whole.form), face(whole.shows)
		}
	}
	if len(s) < 2 || strings.IndexByte(eyes, s[0]) < 0 {
		return 0, 0
	}
	i, tears := 1, false
	if strings.IndexByte(noses, s[i]) >= 0 && len(s) > 2 && mouth(s, i) == 0 || s[i] == '\'' && len(s) > 2 {
		tears = s[i] == '\''
		i++
		if i+1 < len(s) && s[i] == '-' {
			i++
		}
	}
	shows := mouth(s, i)
	switch {
	case shows == 0, s[0] == '8' && shows != happy && shows != laughing:
		return 0, 0
	case shows == sad && tears:
		shows = crying
	case s[0] == ';' && (shows == happy || shows == laughing):
		shows = winking
	}
	for i++; i < len(s) && s[i] == s[i-1] && !letter(s[i]); {
		i++
	}
	return i, face(shows)
}

// mouth is what the mouth at s[i] shows, 0 if it is none: a letter is none before another one.
func mouth(s string, i int) uint8 {
	if i >= len(s) || s[i] >= 128 {
		return 0
	}
	if (letter(s[i]) || digit(s[i])) && i+1 < len(s) && (letter(s[i+1]) || digit(s[i+1])) {
		return 0
	}
	return mouths[s[i]]
}

// emojiNames are the names by which Slack writes emoji that carry feeling.
var emojiNames = map[string]rune{
	"+1": '👍', "thumbsup": '👍', "-1": '👎', "thumbsdown": '👎', "heart": '❤', "tada": '🎉', "fire": '🔥', "rage": '😡', "angry": '😠',
	"joy": '😂', "rofl": '🤣', "smile": '😄', "smiley": '😃', "grin": '😁', "grinning": '😀', "slightly_smiling_face": '🙂', "blush": '😊',
	"wink": '😉', "heart_eyes": '😍', "star-struck": '🤩', "sunglasses": '😎', "sob": '😭', "cry": '😢', "disappointed": '😞',
	"pensive": '😔', "worried": '😟', "confused": '😕', "slightly_frowning_face": '🙁', "white_frowning_face": '☹', "frowning": '😦',
	"weary": '😩', "tired_face": '😫', "triumph": '😤', "scream": '😱', "fearful": '😨', "cold_sweat": '😰', "sweat_smile": '😅', "sweat": '😓',
	"unamused": '😒', "expressionless": '😑', "neutral_face": '😐', "face_with_rolling_eyes": '🙄', "thinking_face": '🤔', "facepalm": '🤦',
	"face_palm": '🤦', "shrug": '🤷', "clap": '👏', "raised_hands": '🙌', "pray": '🙏', "muscle": '💪', "rocket": '🚀', "100": '💯', "star": '⭐',
	"star2": '🌟', "sparkles": '✨', "ok_hand": '👌', "white_check_mark": '✅', "x": '❌', "warning": '⚠', "skull": '💀', "poop": '💩',
	"hankey": '💩', "exploding_head": '🤯', "face_with_symbols_on_mouth": '🤬', "partying_face": '🥳', "hugging_face": '🤗', "trophy": '🏆',
	"broken_heart": '💔', "blue_heart": '💙', "green_heart": '💚', "purple_heart": '💜', "yellow_heart": '💛', "wave": '👋', "eyes": '👀',
	"confounded": '😖', "persevere": '😣', "disappointed_relieved": '😥', "relieved": '😌', "dizzy_face": '😵', "nauseated_face": '🤢',
	"face_vomiting": '🤮', "sleepy": '😪', "upside_down_face": '🙃', "bug": '🐛', "rotating_light": '🚨', "boom": '💥', "snail": '🐌',
}

var namedPictures = func() map[uint64]uint64 {
	table := make(map[uint64]uint64, len(emojiNames))
	for name, r := range emojiNames {
		h := seedCode
		for i := range len(name) {
			h = step(h, uint16(name[i]|0x20))
		}
		table[finish(h)] = emoji(r)
	}
	return table
}()

// pictureOf is the emoji that has the name of that hash, or the hash itself.
func pictureOf(name uint64) uint64 {
	if picture, ok := namedPictures[name]; ok {
		return picture
	}
	return name
}

// pictureValence is how good (to 4) or bad (to -4) is what a picture shows.
var pictureValence = func() map[uint64]float32 {
	table := map[uint64]float32{
		face(happy): 2, face(laughing): 2.3, face(winking): 1.2, face(cheeky): 1, face(kissing): 2, face(loving): 2.5,
		face(sad): -2, face(crying): -2.2, face(angry): -2.4, face(doubtful): -1.3, face(flat): -0.8, face(broken): -2.2, face(annoyed): -1.5,
	}
	for _, group := range []struct {
		valence float32
		emoji   string
	}{
		{2.6, "❤♥💕💖💗💘💙💚💛💜🧡🤍😍🥰😘🎉🥳🤩🏆💯"}, {2, "👍😊☺😀😃😄😁😆🙂😎🤗👏🙌✨🌟⭐💪😇😋😻💐🌹🎊🚀😌👌🥂🍾"}, {1, "😂🤣😉😜😛😝🙏✅🔥😏💃🕺🎶☀🌞👋"},
		{-1, "😐😑🤔😬🙃😅😕🤷😶😮⚠🥱😪🐛🐌🚨"}, {-1.8, "🙄😒🙁☹😞😔😟😣😖😫😩😢😥😰😨😱😓🤦👎❌😿💥😵"}, {-2.5, "😭😡😠🤬😤💔💩🤮🤢🖕👿😾"},
	} {
		for _, r := range group.emoji {
			table[emoji(r)] = group.valence
		}
	}
	return table
}()
