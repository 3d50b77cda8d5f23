package main

import (
	"slices"
	"strings"

	"github.com/jonreiter/govader"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

// opinions are words that tell an opinion in the languages other than English, which has VADER's lexicon.
//
//nolint:misspell // they are not English
var opinions = map[string]struct{ good, bad, negates, strengthens, weakens string }{
	"de": {
		good: `gut gute guter gutes guten besser beste besten toll tolle toller tolles super klasse schön schöne schöner schönes schönen liebe lieben liebt lieb
			geil genial großartig wunderbar herrlich hervorragend fantastisch perfekt perfekte freue freuen freut freude froh glücklich glück danke dankbar
			lustig witzig spannend cool nett nette lecker süß hübsch begeistert empfehlen empfehlenswert gewinnen gewonnen sieg erfolg erfolgreich lob
			gratuliere glückwunsch hurra yeah stolz hoffnung zufrieden angenehm prima spitze mega lachen spaß`,
		bad: `schlecht schlechte schlechter schlechtes schlechten schlimm schlimmer schlimmste scheiße scheiss scheiß kacke mist furchtbar schrecklich grausam
			hasse hassen hass blöd blöde dumm dumme doof idiot idioten peinlich nervt nervig nerven ärger ärgerlich ärgern wütend wut sauer traurig leider
			langweilig hässlich ekelhaft eklig krank angst sorgen schmerzen weh problem probleme kaputt fehler falsch lüge lügen lügner skandal katastrophe
			versagt verloren verlieren tot tod krieg terror enttäuscht enttäuschend enttäuschung unverschämt frechheit unmöglich müll dreck arsch verdammt
			betrug schande armselig unfähig nutzlos lächerlich schade opfer mord hölle stress heulen weinen`,
		negates: `nicht kein keine keinen keiner nie niemals nichts ohne kaum`, strengthens: `sehr so total echt voll richtig absolut extrem wirklich`, weakens: `etwas bisschen`,
	},
	"fr": {
		good: `bon bonne bons bonnes bien mieux meilleur meilleure super génial géniale excellent excellente magnifique merveilleux parfait parfaite beau belle
			aime aimes aimer adore adorer amour heureux heureuse content contente contents bonheur joie plaisir merci bravo félicitations cool drôle rire
			sympa gentil gentille jolie joli mignon espoir réussi réussite succès gagner gagné victoire fier fière courage passionnant top incroyable formidable
			sourire agréable délicieux kiffe haha mdr chance fête`,
		bad: `mauvais mauvaise mal pire nul nulle nuls merde putain con connard conne connerie chiant chier horrible terrible affreux moche laid déteste détester
			haine triste tristesse malheureux pleurer peur honte honteux dégoûtant dégueulasse énerve énervé énervant colère marre ras fatigué malade douleur
			souffrir mort morts mourir guerre attentat terrorisme problème problèmes erreur faux mensonge menteur scandale catastrophe déçu déçue déception
			ridicule stupide idiot idiote débile pauvre perdu perdre perd échec panne insupportable inadmissible pathétique salaud racisme crime grave pire hélas ennui`,
		negates: `pas jamais rien aucun aucune sans ne ni plus`, strengthens: `très trop tellement vraiment super hyper si`, weakens: `peu assez`,
	},
	"es": {
		good: `bueno buena buenos buenas buen bien mejor mejores genial excelente increíble maravilloso maravillosa hermoso hermosa bonito bonita lindo linda guapo guapa
			amo amor encanta encantan gusta gustan quiero feliz felices felicidad felicidades alegre alegría contento contenta gracias divertido risa jaja jajaja
			perfecto perfecta precioso preciosa rico éxito ganar ganó victoria orgullo orgulloso esperanza ilusión disfrutar disfruta fantástico estupendo
			espectacular sonrisa abrazo besos suerte fiesta bravo viva enhorabuena emocionada emocionado mola`,
		bad: `malo mala malos malas mal peor peores horrible terrible pésimo pésima asco asqueroso mierda puta puto joder coño carajo odio odiar odia triste tristeza
			llorar lloro dolor duele enfermo enferma miedo vergüenza rabia enojo enojado molesto molesta harto harta cansado cansada aburrido aburrida feo fea tonto
			tonta estúpido idiota imbécil inútil problema problemas error fallo falso mentira mentiroso corrupto corrupción muerte muerto morir muertos guerra
			violencia crimen fracaso perder perdido perdió decepción lamentable desastre ridículo injusto pena lástima sufrir solo nadie culpa basura ladrón`,
		negates: `no nunca jamás nada ningún ninguna sin ni tampoco`, strengthens: `muy tan súper demasiado bastante más`, weakens: `poco algo`,
	},
	"it": {
		good: `buono buona buoni buone bene bello bella belli belle bellissimo bellissima meglio migliore migliori ottimo ottima grande grandi grandissimo fantastico
			fantastica meraviglioso splendido splendida stupendo perfetto perfetta amo amore adoro piace felice felici felicità contento contenta gioia grazie bravo
			brava bravi complimenti auguri divertente ridere sorriso simpatico carino carina dolce vincere vinto vittoria successo orgoglioso speranza
			emozione emozionante interessante figo forte evviva finalmente utile`,
		bad: `male cattivo cattiva peggio peggiore pessimo pessima brutto brutta brutti schifo schifoso merda cazzo stronzo stronzi coglione coglioni odio odiare triste
			tristezza piangere paura vergogna vergognoso rabbia arrabbiato noia noioso stanco stanca malato dolore morto morti morte guerra terrorismo ladri ladro
			corrotti corruzione bugie bugiardo falso errore sbagliato problema problemi disastro scandalo fallimento perso perdere deluso delusione ridicolo
			stupido idiota ignorante ignoranti incapace incapaci inutile orribile terribile tasse crisi povero poveri purtroppo pazzo mafia colpa buffone`,
		negates: `non mai niente nulla nessuno nessuna senza né`, strengthens: `molto troppo davvero così proprio tanto`, weakens: `poco abbastanza`,
	},
	"pt": {
		good: `bom boa bons boas bem melhor melhores ótimo ótima excelente incrível maravilhoso maravilhosa lindo linda lindos lindas bonito bonita perfeito perfeita amo amor
			adoro adorei amei gosto gostei feliz felizes felicidade alegria alegre contente obrigado obrigada parabéns engraçado rindo kkk kkkk kkkkk haha sorriso
			fofo fofa querido querida sucesso vencer venceu vitória orgulho esperança saudade legal massa top show demais animada animado sorte abraço
			delícia gostoso gostosa fantástico espetacular`,
		bad: `mau má maus mal ruim ruins pior piores péssimo péssima horrível terrível merda porra caralho puta foda fodase odeio ódio triste tristeza chorar chorando dor
			doente medo vergonha raiva irritada irritado chato chata cansado cansada tédio feio feia burro burra idiota estúpido inútil lixo problema problemas
			erro errado falso mentira mentiroso corrupto corrupção morte morto morrer morreu guerra violência crime fracasso perder perdi perdeu decepção
			decepcionado decepcionada lamentável desastre ridículo infelizmente sofrer sofrendo sozinha sozinho culpa ladrão bandido nojo nojento inferno droga`,
		negates: `não nunca jamais nada nenhum nenhuma sem nem`, strengthens: `muito tão demais super bem mais`, weakens: `pouco meio`,
	},
	"ar": {
		good: `جميل جميلة رائع رائعة ممتاز ممتازة جيد جيدة حلو حلوة احلى أحلى افضل أفضل احسن أحسن حب الحب احبك أحبك بحبك سعيد سعيدة سعادة السعادة فرح الفرح شكرا شكراً مبروك
			الحمد الحمدلله خير الخير بخير نجاح النجاح ناجح فوز الفوز مبدع ابداع إبداع عظيم عظيمة جنة الجنة امل أمل تفاؤل ضحك هههه ههههه هههههه يسلمو تسلم حبيبي حبيبتي
			قلبي رحمة بركة مبارك كريم يارب الله صباح ورد سلام السلام`,
		bad: `سيء سيئة سئ اسوأ أسوأ قبيح كره اكره أكره الكره حزين حزينة حزن الحزن زعل زعلان غضب غاضب خوف الخوف الم ألم الألم وجع مريض مرض موت الموت مات قتل القتل قتلى حرب
			الحرب ارهاب إرهاب الارهاب الإرهاب داعش ظلم الظلم ظالم كذب كاذب كذاب خاين خائن خيانة فشل الفشل فاشل فاسد الفساد فساد غبي غباء حمار كلب كلاب حقير قذر زبالة
			مشكلة مشاكل مصيبة كارثة عيب عار حرام للاسف للأسف تعب تعبان بكاء ابكي دموع خسارة خسر دمار عذاب جهنم لعنة لعن ضحايا`,
		negates: `لا ليس ليست لم لن ما مش مو غير بدون`, strengthens: `جدا جداً كثير كتير أوي قوي`, weakens: `شوي قليلا`,
	},
}

// developers are words of developers' talk that VADER lacks or reads wrongly.
var developers = map[string]float32{
	"outage": -1.8, "outages": -1.8, "downtime": -1.5, "unreachable": -1.3, "unavailable": -1.3, "crashed": -1.7, "crashes": -1.7, "crashing": -1.7,
	"corrupted": -1.5, "buggy": -1.7, "laggy": -1.5, "unusable": -2.1, "unreliable": -1.8, "nightmare": -2.2, "garbage": -1.9, "flaky": -1.5,
	"clunky": -1.4, "bloated": -1.4, "janky": -1.6, "wtf": -2.2, "sucks": -2.0, "lgtm": 1.8, "kudos": 2.2, "thx": 1.5, "ty": 1.2, "blazing": 1.3,
	"painless": 1.6, "intuitive": 1.6, "snappy": 1.5, "elegant": 1.8, "unresponsive": -1.6, "downgrade": -0.8, "regression": -1.2, "hacky": -1.2,
}

// lexicon is what is known of words before anything is learned: VADER's lexicon (Hutto and Gilbert, MIT licence) with
// developers' words for English, and opinions.
func lexicon() *builtin.Lexicon {
	l := builtin.NewLexicon()
	for _, w := range sorted(developers) {
		l.Add(builtin.English, w, builtin.Entry{Valence: developers[w]})
	}
	role := func(language, words string, does uint8) {
		for w := range strings.FieldsSeq(words) {
			l.Add(language, w, builtin.Entry{Does: does})
		}
	}
	role(builtin.English, "not no never none nobody nothing neither nor nowhere cannot cant dont doesnt didnt isnt wasnt wont wouldnt shouldnt couldnt arent aint havent "+
		"hasnt hadnt without hardly barely rarely werent", builtin.Negates)
	role(builtin.English, "very really so extremely absolutely totally super incredibly fucking fuckin freaking most completely quite too such", builtin.Strengthens)
	role(builtin.English, "kinda sorta slightly somewhat partly marginally little less", builtin.Weakens)
	vader := govader.NewSentimentIntensityAnalyzer().Lexicon
	for _, w := range sorted(vader) {
		l.Add(builtin.English, w, builtin.Entry{Valence: float32(vader[w])})
	}
	for _, language := range sorted(opinions) {
		o := opinions[language]
		role(language, o.negates, builtin.Negates)
		role(language, o.strengthens, builtin.Strengthens)
		role(language, o.weakens, builtin.Weakens)
		for _, list := range []struct {
			words   string
			valence float32
		}{{o.good, 2}, {o.bad, -2}} {
			for w := range strings.FieldsSeq(list.words) {
				l.Add(language, w, builtin.Entry{Valence: list.valence})
			}
		}
	}
	return l
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
