package sentiment

import (
	"strings"
	"testing"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

func TestIdentify(t *testing.T) {
	const source, detected = feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_DETECTED
	const assumed, unknown = feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_ASSUMED, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_UNSPECIFIED
	tests := []struct {
		name, text, tag string
		want            string
		origin          feedbackv1.LanguageOrigin
	}{
		{"the source's word", "whatever", "fr", "fr", source},
		{"the source's word, normalised", "colour", "EN_gb", "en-GB", source},
		{"the source's old code", "halo", "in", "id", source},
		{"und is no language", "The portal is down and nothing works", "und", "en", detected},
		{"zxx is no language", "The portal is down and nothing works", "zxx", "en", detected},
		{"X's private codes are none", "The portal is down and nothing works", "qme", "en", detected},
		{"a malformed tag is none", "The portal is down and nothing works", "!!", "en", detected},
		{"English", "Anyone else seeing this? It has been broken since the update.", "", "en", detected},
		{"English among addresses", "@bob https://example.com/eine/seite/auf/deutsch this is what they said", "", "en", detected},
		{"German", "Der Dienst ist seit gestern Abend nicht mehr erreichbar", "", "de", detected},
		{"French", "Le portail ne répond plus depuis ce matin, c'est inadmissible", "", "fr", detected},
		{"Spanish", "El servicio está caído otra vez, qué desastre de plataforma", "", "es", detected},
		{"Russian", "Портал снова не работает, это ужасно", "", "ru", detected},
		{"Arabic", "الخدمة لا تعمل منذ الصباح", "", "ar", detected},
		{"Chinese", "服务器又宕机了", "", "zh", detected},
		{"Japanese, mostly Han", "東京都障害情報確認中です", "", "ja", detected},
		{"Korean", "서비스가 또 중단되었습니다", "", "ko", detected},
		{"Greek", "Η υπηρεσία δεν λειτουργεί", "", "el", detected},
		{"too short to tell", "ok", "", "en", assumed},
		{"plain English", "Horrible latency on azure front door since Monday. Users complain, pages time out", "", "en", detected},
		{"English in two words", "Same here.", "", "en", detected},
		{"English with numbers", "Azure SLA: 99.99%. My nerves: 12%.", "", "en", detected},
		{"English that looks Dutch", "We ran out of oat milk.", "", "en", detected},
		{"English with one common word", "test azure please ignore", "", "en", detected},
		{"an announcement", "[ANN] Azure meetup on 12 December, 18:30, doors open at 18:00.", "", "en", detected},
		{"a command", "az deployment group create --resource-group rg-azure-demo --template-file main.bicep --parameters env=test", "", "en", detected},
		{"abbreviations", "DES and UND on ES", "", "en", detected},
		{"a foreign name", "Thanks José, the café is great", "", "en", detected},
		{"German, one word", "Danke!", "", "de", detected},
		{"German in short", "azur ist auch nur eine Farbe", "", "de", detected},
		{"Dutch", "Azure ligt er weer uit, hele kantoor staat stil. Wat een ellende.", "", "nl", detected},
		{"Indonesian", "Azure tidak bisa dipakai lagi, tolong dong diperbaiki", "", "id", detected},
		{"Italian with an elision", "Non c'è nell'elenco", "", "it", detected},
		{"Spanish by its mark", "¿Azure?", "", "es", detected},
		{"Polish", "Azure znowu nie działa", "", "pl", detected},
		{"Turkish", "Azure bugün yine çöktü", "", "tr", detected},
		{"Vietnamese", "Azure lại sập rồi", "", "vi", detected},
		{"Tagalog, which has no list, by the detector", "Hindi gumagana serbisyo ninyo simula kaninang umaga, nakakainis talaga", "", "tl", detected},
		{"emoji alone", "🔥🔥", "", "en", assumed},
		{"digits alone", "503", "", "en", assumed},
		{"a script without a language here", "ⴰⵣⵓⵍ ⴼⵍⵍⴰⴽ", "", Undetermined, unknown},
	}
	identifier, err := NewIdentifier("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := identifier.Identify(test.text, test.tag)
			if got.GetTag() != test.want || got.GetOrigin() != test.origin {
				t.Errorf("Identify(%q, %q) = %v, want %s %v", test.text, test.tag, got, test.want, test.origin)
			}
			if c := got.GetConfidence(); c < 0 || c > 1 {
				t.Errorf("confidence %v, want it in [0, 1]", c)
			}
		})
	}
}

func TestIdentifyAssumesOnlyWhereTheScriptAllows(t *testing.T) {
	tests := []struct{ assume, text, want string }{
		{"", "ok", Undetermined},
		{"", "🔥", Undetermined},
		{"none", "ok", Undetermined},
		{"und", "ok", Undetermined},
		{"en-GB", "ok", "en-GB"},
		{"ru", "ok", Undetermined},
		{"ru", "🔥", "ru"},
		{"sr-Latn", "ok", "sr-Latn"},
	}
	for _, test := range tests {
		identifier, err := NewIdentifier(test.assume)
		if err != nil {
			t.Fatal(err)
		}
		if got := identifier.Identify(test.text, "").GetTag(); got != test.want {
			t.Errorf("Identify(%q) assuming %q = %q, want %q", test.text, test.assume, got, test.want)
		}
	}
}

func TestNewIdentifierRefuses(t *testing.T) {
	for _, assume := range []string{"zxx", "klingonish", "qme", "e n"} {
		_, err := NewIdentifier(assume)
		if err == nil || !strings.Contains(err.Error(), assume) {
			t.Errorf("NewIdentifier(%q): %v, want an error that names it", assume, err)
		}
	}
}

func TestBase(t *testing.T) {
	for tag, want := range map[string]string{"en": "en", "en-GB": "en", "zh-Hant-TW": "zh", "fil": "fil", "": ""} {
		if got := Base(tag); got != want {
			t.Errorf("Base(%q) = %q, want %q", tag, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct {
		name, in string
		limit    int
		want     string
	}{
		{"white space", " a\t\tb\n\nc ", 99, "a b c"},
		{"head", "abcdef", 3, "abc"},
		{"head in runes", "äöüß", 2, "äö"},
		{"no space at the cut", "ab cd", 3, "ab"},
		{"broken UTF-8 parts words", "a\xffb", 99, "a b"},
		{"typographic apostrophe", "don’t", 99, "don't"},
		{"variation selector", "❤️!", 99, "❤!"},
		{"controls", "\x1b[31mred", 99, "[31mred"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := clean(test.in, test.limit); got != test.want {
				t.Errorf("clean(%q, %d) = %q, want %q", test.in, test.limit, got, test.want)
			}
		})
	}
}

func BenchmarkIdentify(b *testing.B) {
	identifier, err := NewIdentifier("en")
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"English": "Azure portal is down again, this is the third time this week",
		"German":  "Der Dienst ist seit gestern Abend nicht mehr erreichbar",
		"Russian": "Портал снова не работает, это ужасно",
		"Chinese": "服务器又宕机了",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				identifier.Identify(text, "")
			}
		})
	}
}
