package builtin

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t testing.TB) *Weights {
	t.Helper()
	w, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestScore(t *testing.T) {
	r := load(t).NewReader()
	for _, test := range []struct {
		kind     Kind
		language string
		text     string
		want     int
	}{
		{Tweet, "en", "I love this, it is great!", Positive},
		{Tweet, "en", "This is the worst service ever. I hate it.", Negative},
		{Tweet, "en", "The meeting is on Monday at 10.", Neutral},
		{Chat, "en", "thank you so much, this is awesome", Positive},
		{Chat, "en", "this is terrible and I am angry", Negative},
		{Dev, "en", "Thanks for the great work, this is awesome!", Positive},
		{Dev, "en", "This API is horrible, I hate it", Negative},
		{Dev, "en", "Use a map to look up the key.", Neutral},
		{Tweet, "de", "Das ist wunderbar, ich freue mich sehr!", Positive},
		{Tweet, "fr", "C'est nul, quelle merde, j'en ai marre", Negative},
		{Tweet, "es", "Qué asco, odio esto, es horrible", Negative},
		{Tweet, "it", "Bellissimo, complimenti, grazie!", Positive},
		{Tweet, "pt", "Que lindo, amei, muito feliz", Positive},
		{Tweet, "ar", "شكرا جزيلا رائع جدا", Positive},
	} {
		if !r.Read(test.text) {
			t.Fatalf("Read(%q) = false", test.text)
		}
		got, ok := r.Score(test.kind, test.language)
		if !ok || got.Class != test.want {
			t.Errorf("%s %s %q: %v %v, want class %d", test.kind, test.language, test.text, got.Probabilities, ok, test.want)
		}
		if sum := got.Probabilities[0] + got.Probabilities[1] + got.Probabilities[2]; math.Abs(float64(sum)-1) > 1e-3 {
			t.Errorf("%q: sum of the probabilities %v, want 1", test.text, sum)
		}
	}
}

func TestScoreKnowsNoOtherLanguages(t *testing.T) {
	r := load(t).NewReader()
	for _, language := range []string{"nl", "hi", "", "und"} {
		r.Read("dat is mooi")
		if _, ok := r.Score(Tweet, language); ok {
			t.Errorf("a text in %q is scored", language)
		}
	}
}

func TestHostileTextsCostLittle(t *testing.T) {
	r := load(t).NewReader()
	for name, text := range hostile() {
		began := time.Now()
		if r.Read(text) {
			r.Language()
			for k := range kinds {
				if got, ok := r.Score(k, English); !ok || !(got.Score() >= 0 && got.Score() <= 1) {
					t.Errorf("%s: score %v, want one from 0 to 1", name, got.Score())
				}
			}
		}
		if d := time.Since(began); d > 2*time.Second { // takes some milliseconds on a machine that does nothing else
			t.Errorf("%s took %s", name, d)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	r := load(t).NewReader()
	texts := []string{
		"Azure portal is down AGAIN 😡 third time this week... @AzureSupport https://t.co/x #fail", "Der Dienst läuft nicht, so ein Mist :(", "Портал снова не работает",
		strings.Repeat("I hate this horrible outage! ", 300), "🔥🔥🔥", "c'est génial :)",
	}
	for _, text := range hostile() {
		texts = append(texts, text)
	}
	score := func() {
		for _, text := range texts {
			r.Read(text)
			g := r.Language()
			r.Score(Tweet, g.Tag)
			r.Score(Tweet, "de")
			r.Score(Dev, English)
		}
	}
	score()
	if n := testing.AllocsPerRun(20, score); n != 0 {
		t.Errorf("%v allocations for %d texts, want none", n, len(texts))
	}
}

func TestWeightsAreAsSmallAsPromised(t *testing.T) {
	w := load(t)
	for _, m := range append(w.Kinds[:], w.World) {
		if n := len(m.table); n > 4<<20 {
			t.Errorf("%s has %d bytes, want at most 4 MB", m.Name, n)
		}
	}
	if n := 8 * len(w.Detector.rows); n > 2<<20 {
		t.Errorf("the detector has %d bytes, want less than 2 MB", n)
	}
}

func TestLoadOfAFolder(t *testing.T) {
	folder := t.TempDir()
	files := map[string]string{"tweet.bin": tweetFile, "dev.bin": devFile, "chat.bin": chatFile, WorldFile: worldFile, LexiconFile: lexiconFile, DetectorFile: detectorFile}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(folder); err != nil {
		t.Fatalf("Load: %v", err)
	}
	for name, data := range files {
		for _, broken := range []string{"", "nonsense", data[:len(data)-1], data[:9]} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(folder); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("Load with %d bytes of %s: %v, want an error that names it", len(broken), name, err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	w := load(t)
	model, err := w.Kinds[Dev].AppendBinary(nil)
	if err != nil || string(model) != devFile {
		t.Errorf("the model is written with %d bytes, %v, want the %d that were read", len(model), err, len(devFile))
	}
	detector, err := w.Detector.Binary()
	if err != nil || string(detector) != detectorFile {
		t.Errorf("the detector is written with %d bytes, %v, want the %d that were read", len(detector), err, len(detectorFile))
	}
	lexicon, err := w.Lexicon.AppendBinary(nil)
	if err != nil || len(lexicon) != len(lexiconFile) {
		t.Errorf("the lexicon is written with %d bytes, %v, want the %d that were read", len(lexicon), err, len(lexiconFile))
	}
}

func TestQuantise(t *testing.T) {
	for _, w := range []float32{0, 0.001, -0.001, 0.3, -0.7, 2, -2} {
		got := valueOf(Quantise(w, 2), 2)
		if d := math.Abs(float64(got - w)); d > 0.02*math.Sqrt(math.Abs(float64(w)))+0.001 {
			t.Errorf("%v is kept as %v", w, got)
		}
	}
}

func TestParseKind(t *testing.T) {
	for k := range kinds {
		if got, ok := ParseKind(k.String()); !ok || got != k {
			t.Errorf("ParseKind(%q) = %v, %v", k, got, ok)
		}
	}
	if _, ok := ParseKind("slack"); ok {
		t.Error("slack is a kind, want it refused")
	}
}

// longest is what FuzzReader repeats a text up to, in bytes.
const longest = 1 << 20

func FuzzReader(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text[:min(len(text), 300)], "de", uint16(1))
		f.Add(text[:min(len(text), 30)], "en", uint16(60_000))
	}
	f.Add("don't :-) <@U1> &amp; ``` :tada: #Ünï @me 1,2.3 https://a.b ;-P 中文 кот", "en", uint16(1))
	f.Add("<!a|b> `a.b(c) http://www.x &am #é 1:2 :+1: x=\"", "en", uint16(20_000))
	w, err := Load("")
	if err != nil {
		f.Fatal(err)
	}
	w, err = w.Neutral([]string{"azure", "front door"})
	if err != nil {
		f.Fatal(err)
	}
	r := w.NewReader()
	f.Fuzz(func(t *testing.T, text, language string, times uint16) {
		text = strings.Repeat(text, min(int(times), longest/max(1, len(text))))
		began := time.Now()
		first := readAll(t, r, text, language)
		if d := time.Since(began); d > 2*time.Second { // takes some milliseconds on a machine that does nothing else
			t.Errorf("%d bytes took %s", len(text), d)
		}
		checkBounds(t, r)
		room := roomOf(r)
		if again := readAll(t, r, text, language); again != first {
			t.Errorf("%q: %v, the second time %v", text[:min(len(text), 200)], first, again)
		}
		if got := roomOf(r); got != room {
			t.Errorf("the second time buffers grew from %v to %v", room, got)
		}
	})
}

// readAll returns all that a reader says of a text, in the other language and in English, and checks that it is in range.
func readAll(t *testing.T, r *Reader, text, language string) (said struct {
	guess  Guess
	scores [kinds + 1]float64
}) {
	if !r.Read(text) {
		return said
	}
	said.guess = r.Language()
	if c := said.guess.Confidence; !(c >= 0 && c <= 1.0001) {
		t.Errorf("confidence %v", c)
	}
	for i := range said.scores {
		kind, in := Kind(i), English
		if kind == kinds {
			kind, in = Tweet, language
		}
		if got, ok := r.Score(kind, in); ok {
			if said.scores[i] = got.Score(); !(said.scores[i] >= 0 && said.scores[i] <= 1) {
				t.Errorf("score %v as %v in %q", said.scores[i], kind, in)
			}
		}
	}
	return said
}

// checkBounds checks that what a reader has kept of a text, which is what it takes time over, is no more than a text of
// the greatest length gives.
func checkBounds(t *testing.T, r *Reader) {
	for _, b := range []struct {
		of        string
		got, most int
	}{
		{"bytes", len(r.text), maxBytes},
		{"tokens", len(r.tokens.list), maxTokens},
		{"symbols", len(r.tokens.symbols), maxSymbols},
		{"runs for the language", len(r.runs), 4 * (maxLanguageSymbols + maxWord + 2)},
		{"features of words", len(r.features.Words), 5*maxTokens + 2},
		{"features of letters", len(r.features.Chars), 3 * maxSymbols},
		{"rows of the network", len(r.features.Net), maxNetRows * maxNetTokens},
	} {
		if b.got > b.most {
			t.Errorf("%d %s are kept, want at most %d", b.got, b.of, b.most)
		}
	}
}

// roomOf is how much the buffers of a reader have room for.
func roomOf(r *Reader) [6]int {
	return [...]int{cap(r.tokens.list), cap(r.tokens.symbols), cap(r.runs), cap(r.features.Words), cap(r.features.Chars), cap(r.features.Net)}
}

// tweets are texts of some length that tweets have.
var tweets = []string{
	"Azure portal is down again, this is the third time this week. Really frustrating!", "Love the new dashboard, thanks to the team :)",
	"@AzureSupport can you please look at my ticket? It's been open for 3 weeks now... https://t.co/abc #azure", "Good morning everyone! Webinar starts at 10am PST",
	"So happy my deployment finally works 🎉🎉 what a day", "Anyone know how to configure the front door with a custom domain and a certificate from key vault?",
}

func TestOutcriesAreInNoLanguage(t *testing.T) {
	r := load(t).NewReader()
	for text, want := range map[string]string{
		"aaaaaaaa": "", "AAAAAAA": "", "zzz": "", "a a a a": "", "hahahaha!": "", "Hehehe hahaha": "", "aaa 😀": "", "LGTM 👍": "", "omg": "", "null": "", "lol wtf": "",
		"non merci": "fr", "nee nee": "nl", "hahaha das ist schlecht, wirklich": "de", "aaaah the portal is down again": "en",
	} {
		r.Read(text)
		if got := r.Language(); got.Tag != want || got.Script != "Latn" {
			t.Errorf("language of %q = %+v, want %q", text, got, want)
		}
	}
	r.Read(strings.Repeat("a", 1_000_000))
	if got := r.Language(); got.Tag != "" || got.Script == "Latn" {
		t.Errorf("language of a million times the same letter = %+v, want none, and none to be assumed", got)
	}
}

func TestExclamationsAreInTheLanguageOfTheirWords(t *testing.T) {
	r := load(t).NewReader()
	for text, want := range map[string]string{
		"broken": English, "GARBAGE!!!": English, "so buggy": English, "fantastic": English,
		"schlecht": "de", "merci": "fr", "Katastrophe!": "de", "kaputt": "de", "das ist broken": "de",
	} {
		r.Read(text)
		if got := r.Language(); got.Tag != want {
			t.Errorf("language of %q = %+v, want %q", text, got, want)
		}
	}
}

func BenchmarkLanguageAndScore(b *testing.B) {
	r := load(b).NewReader()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, text := range tweets {
			r.Read(text)
			r.Language()
			r.Score(Tweet, English)
		}
		n += len(tweets)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
}

func BenchmarkLanguage(b *testing.B) {
	r := load(b).NewReader()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, text := range tweets {
			r.Read(text)
			r.Language()
		}
		n += len(tweets)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
}

func BenchmarkLoad(b *testing.B) {
	files := map[string]string{
		ModelFile(Tweet): tweetFile, ModelFile(Dev): devFile, ModelFile(Chat): chatFile,
		WorldFile: worldFile, LexiconFile: lexiconFile, DetectorFile: detectorFile,
	}
	for b.Loop() {
		if _, err := read(func(name string) (string, error) { return files[name], nil }); err != nil {
			b.Fatal(err)
		}
	}
}
