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
			sourire agréable délicieux kiffe haha mdr chance fête
			bonnes beaux belles géniaux géniales excellents excellentes magnifiques superbe superbes splendide sublime formidables fabuleux fantastique fantastiques extraordinaire
			aimé aimée aimons aiment aimerais aimé adorable adorables adoré kiffer kiffé heureuse ravi ravie ravis enchanté enchantée émue ému contentes joyeux joyeuse rigole rigoler rires
			mdrr ptdr lol félicitation félicite remercie remercier remerciements réussir réussis gagné gagne gagnant champion championne champions bises bisous bisou câlin
			cadeau fêter vacances détente passionnante intéressant intéressante drôles marrant marrante mignonne mignons douce doux tendresse amitié espère fiers sereine serein
			parfaits impressionnant recommande bravoo chouette top tops`,
		bad: `mauvais mauvaise mal pire nul nulle nuls merde putain con connard conne connerie chiant chier horrible terrible affreux moche laid déteste détester
			haine triste tristesse malheureux pleurer peur honte honteux dégoûtant dégueulasse énerve énervé énervant colère marre ras fatigué malade douleur
			souffrir mort morts mourir guerre attentat terrorisme problème problèmes erreur faux mensonge menteur scandale catastrophe déçu déçue déception
			ridicule stupide idiot idiote débile pauvre perdu perdre perd échec panne insupportable inadmissible pathétique salaud racisme crime grave pire hélas ennui
			mauvaises nuls nulles pires horribles terribles affreuse moches laide ignoble immonde infect infecte dégueu dégoûte dégoûté dégoûtée dégoûtant écœurant écoeurant
			détester détestent haïr haineux rage enragé énerver énervent agacé agace agaçant saoule saoulé soûle gonfle relou relous chiante chiants chie emmerde emmerder merdique bordel
			foutre foutu foutue fous enculé enculés salope salopes pute putes connards conne connes abruti abrutis crétin crétins débiles stupides imbécile imbéciles idiots idiotes
			pleure pleuré pleurs larmes souffre souffrance douleurs malades mal maux fièvre crevé crevée épuisé épuisée stress stressé stressée angoisse angoissé peurs effrayant
			tristes déprime déprimé déprimant seule solitude désolé désolée malheureuse malheur malheureusement hontes pitié pathétiques lamentable scandaleux scandaleuse honteuse
			mensonges menteuse menteurs menti hypocrite hypocrites voleur voleurs voler volé corrompu corruption escroc arnaque arnaques racistes raciste fasciste fascistes haineuse
			tué tuer tués meurtre assassin assassins victime victimes blessé blessés drame tragédie terroriste terroristes attentats catastrophique erreurs bug bugs lent lente retards retard
			attendre attends galère galères ennuie ennuyeux chiante fatigue fatiguée perdue défaite défaites raté ratée gâché gâche inutile inutiles incompétent incompétents`,
		negates: `pas jamais rien aucun aucune sans ne ni plus`, strengthens: `très trop tellement vraiment super hyper si`, weakens: `peu assez`,
	},
	"es": {
		good: `bueno buena buenos buenas buen bien mejor mejores genial excelente increíble maravilloso maravillosa hermoso hermosa bonito bonita lindo linda guapo guapa
			amo amor encanta encantan gusta gustan quiero feliz felices felicidad felicidades alegre alegría contento contenta gracias divertido risa jaja jajaja
			perfecto perfecta precioso preciosa rico éxito ganar ganó victoria orgullo orgulloso esperanza ilusión disfrutar disfruta fantástico estupendo
			espectacular sonrisa abrazo besos suerte fiesta bravo viva enhorabuena emocionada emocionado mola
			amar ama amamos amé encantó encantado encantada encanto encantador encantadora adoro adora gustó gustaría gustazo disfrutando disfruté disfrutado
			ganamos ganado ganador ganadora ganando triunfo triunfar campeón campeona campeones campeonas exitoso exitosa logro logré logramos logrado
			emoción emocionante emociona ilusionada ilusionado orgullosa orgullosos alegra alegran alegro contentos contentas feliz felicito felicitaciones
			agradezco agradecido agradecida agradecer bendición bendiciones bendecido bendecida crack grande grandes grandioso máquina genio genia fenómeno
			excelentes increíbles maravillosos maravillosas maravilla hermosos hermosas hermosura bonitos bonitas lindos lindas bello bella bellos bellas belleza
			preciosos preciosas divino divina guapos guapas guapísima guapísimo buenísimo buenísima buenísimos riquísimo rica delicioso deliciosa sabroso
			divertida divertidos divertidas gracioso graciosa chulo chula chulos padre padrísimo chido chida bacán bacano genialidad molan mazo flipante
			brutal impresionante magnífico magnífica estupenda fantástica fantásticos espectaculares perfectos perfectas interesante recomendable recomiendo
			tranquilo tranquila cariño cariñoso amable amables amor amores amigo amigos amiga sonreír sonríe reír risas jajajaja jajajajaja jeje jejeje
			abrazos beso besitos querido querida queridos ganas ojalá favorito favorita favoritos favoritas inspirador valiente honesto honrado paz descanso
			celebrar celebramos celebración regalo premio olé vamos aplausos merecido merecida mejora mejorando solidario esperanzador bienvenido bienvenida`,
		bad: `malo mala malos malas mal peor peores horrible terrible pésimo pésima asco asqueroso mierda puta puto joder coño carajo odio odiar odia triste tristeza
			llorar lloro dolor duele enfermo enferma miedo vergüenza rabia enojo enojado molesto molesta harto harta cansado cansada aburrido aburrida feo fea tonto
			tonta estúpido idiota imbécil inútil problema problemas error fallo falso mentira mentiroso corrupto corrupción muerte muerto morir muertos guerra
			violencia crimen fracaso perder perdido perdió decepción lamentable desastre ridículo injusto pena lástima sufrir solo nadie culpa basura ladrón
			odiaba odiando odiar odian odioso detesto detesta asquerosa asquerosos asquea repugnante horribles terribles espantoso espantosa fatal nefasto nefasta
			cagada cagar cagado cago mierdas hostia gilipollas cabrón cabrones cabrona hijoputa pendejo pendejos pendeja boludo boludos pelotudo pelotudos
			puñetero maldito maldita malditos malditas putada putas putos chingada chinga verga culero coñazo cojones jodido jodida jodidos joden jodas
			tristes llorando llorar llorado llorona lágrimas dolores doler duelen dolido enfermedad enfermos enfermar gripe fiebre vomitar náuseas ansiedad
			depresión depre deprimida deprimido deprimente estrés estresada estresado agobio agobiada agobiado nervios nerviosa nervioso preocupada preocupado preocupa
			miedos terror pánico susto asustada asustado vergonzoso vergonzosa rabioso furioso furiosa enfadada enfadado enfada enojada cabreo cabreada cabreado
			molestan molestar fastidio fastidia jode aburre aburro aburrimiento aburridos aburridas cansa cansancio agotada agotado sueño insomnio hambre frío
			feos feas tontos tontas tontería tonterías estupidez estúpida estúpidos idiotas imbéciles inútiles incompetente incompetentes ineptos inepto payaso payasos
			fallos falla fallas fallan fallar fallando roto rota rompió estropeado averiado lento lenta caído caída retraso retrasos tarde espera
			falsa falsos falsedad mentiras miente mienten mentirosa mentirosos hipócrita hipócritas hipocresía engaño engañar estafa estafadores timo robar robo roban
			robado ladrones corruptos corrupta delincuente delincuentes criminal criminales asesino asesinos asesinato asesinado matar mataron mató muertes murió muere
			mueren fallecido falleció víctima víctimas heridos herido accidente tragedia trágico crisis paro hambruna pobreza miseria dictadura dictador
			tirano golpista fascista fascistas racista racistas racismo machista machistas machismo abuso abusos acoso maltrato violador violación amenaza amenazas
			guerras ataque ataques bomba atentado terrorismo terrorista terroristas perdedor perdedores perdimos perdieron pierde pierden perdiendo derrota derrotados
			decepcionada decepcionado decepcionante decepciona lamento lamentablemente desgracia desgraciado desgraciadamente desastroso ridícula ridículos patético
			patética absurdo absurda injusta injusticia injusticias indignante indignación inaceptable intolerable insoportable imposible inseguridad
			sufre sufren sufriendo sufrimiento sola soledad extraño culpable culpables queja quejas quejarse reclamo castigo cárcel cruel crueldad
			basuras porquería cutre infierno pesadilla maldad malvado egoísta arrepiento arrepentido lastima desprecio falta faltan peligro peligroso`,
		negates: `no nunca jamás nada ningún ninguna sin ni tampoco`, strengthens: `muy tan súper demasiado bastante más`, weakens: `poco algo`,
	},
	"it": {
		good: `buono buona buoni buone bene bello bella belli belle bellissimo bellissima meglio migliore migliori ottimo ottima grande grandi grandissimo fantastico
			fantastica meraviglioso splendido splendida stupendo perfetto perfetta amo amore adoro piace felice felici felicità contento contenta gioia grazie bravo
			brava bravi complimenti auguri divertente ridere sorriso simpatico carino carina dolce vincere vinto vittoria successo orgoglioso speranza
			emozione emozionante interessante figo forte evviva finalmente utile
			buone buoni brava bravo bravi brave bravissimo bravissima bellissimi bellissime belli belle bei splendido splendida splendidi meraviglia meravigliosi stupendo stupenda stupendi
			fantastica fantastici favoloso favolosa magnifico magnifica eccezionale eccezionali eccellente ottimi ottime perfetti perfette amo amato amata amare adorato adoro adorabile piaciuto
			piacevole felici felicissimo felicissima contenti contente allegro divertente divertenti divertito ridere risate risata ahah ahaha ahahah ahahaha ahahahah simpatico simpatica
			simpatici dolce dolci dolcezza carino carina carini tenero tenera gentile gentili emozione emozioni emozionante commosso orgogliosa orgogliosi fiero fiera speranza speriamo
			vittoria vinto vinciamo vincere campione campioni trionfo successi auguri augurissimi congratulazioni bacio baci abbracci grazie ringrazio ringraziamo vacanza festa festeggiare
			buongiorno serenità sereno pace interessante consiglio consigliato mitico mitica grandissimo grandissima evviva viva`,
		bad: `male cattivo cattiva peggio peggiore pessimo pessima brutto brutta brutti schifo schifoso merda cazzo stronzo stronzi coglione coglioni odio odiare triste
			tristezza piangere paura vergogna vergognoso rabbia arrabbiato noia noioso stanco stanca malato dolore morto morti morte guerra terrorismo ladri ladro
			corrotti corruzione bugie bugiardo falso errore sbagliato problema problemi disastro scandalo fallimento perso perdere deluso delusione ridicolo
			stupido idiota ignorante ignoranti incapace incapaci inutile orribile terribile tasse crisi povero poveri purtroppo pazzo mafia colpa buffone
			brutte brutti cattivo cattiva cattivi pessima pessimi peggiore peggiori orrenda orrendo orribili terribili schifosa schifosi schifezza schifezze vomito disgusto disgustoso
			merde merdoso cazzata cazzate cazzi vaffanculo fanculo stronzo stronza stronzi stronzate coglione coglioni bastardo bastardi puttana troia idiota idioti imbecille imbecilli cretino
			cretini deficiente deficienti scemo scema stupida stupidi stupidaggini buffone buffoni pagliaccio pagliacci ignorante ignoranti incapace incapaci incompetenti incompetente
			odiare odiano odiato tristi tristissimo piango piangere lacrime dolori soffrire sofferenza soffro male malissimo malato malata malattia febbre stanco stanca stanchi stanchezza
			noioso noiosa noia ansia stress paure spaventoso terrore incubo incubi rabbioso arrabbiata arrabbiati incazzato incazzata incazzati nervoso fastidio fastidioso
			vergognoso vergognosa vergognatevi vergognati scandaloso scandali indecente indegno inaccettabile assurdo assurda ridicola ridicoli patetico patetica penoso penosa
			bugie bugia bugiardi bugiarda falso falsi falsa ipocrita ipocriti ipocrisia truffa truffe truffatori ladro corrotti corrotto mafioso mafiosi mafia delinquenti criminale criminali
			ammazzare ucciso uccisi uccidere assassino assassini morire morta vittime vittima feriti tragedie disastro disastri fallimento fallito falliti perso perdere sconfitta sconfitte
			delusa delusi deludente delusioni purtroppo sfortuna peccato crisi tasse disoccupazione povertà poveri razzista razzisti razzismo fascisti guerre attentato attentati terroristi
			inutili inutile problemi errori guasto ritardo ritardi lento rotto soli sola colpa colpevoli pena`,
		negates: `non mai niente nulla nessuno nessuna senza né`, strengthens: `molto troppo davvero così proprio tanto`, weakens: `poco abbastanza`,
	},
	"pt": {
		good: `bom boa bons boas bem melhor melhores ótimo ótima excelente incrível maravilhoso maravilhosa lindo linda lindos lindas bonito bonita perfeito perfeita amo amor
			adoro adorei amei gosto gostei feliz felizes felicidade alegria alegre contente obrigado obrigada parabéns engraçado rindo kkk kkkk kkkkk haha sorriso
			fofo fofa querido querida sucesso vencer venceu vitória orgulho esperança saudade legal massa top show demais animada animado sorte abraço
			delícia gostoso gostosa fantástico espetacular
			boas bons ótimos ótimas melhores maravilhosos maravilhosas maravilha incríveis lindos lindas lindíssima lindão gostosa gostoso gostei gostamos adorei adoramos adorando amando amei amamos
			amado amada apaixonada apaixonado apaixonei feliz felicidades alegre alegres contente animada animado ansiosa ansioso empolgada empolgado realizada orgulhosa orgulhoso orgulho
			sorriso sorrir sorrindo risos rindo rir kkk kkkk kkkkk kkkkkk rsrs rs haha hahaha hahahaha engraçado engraçada divertido divertida legais fofo fofa fofos fofinha fofura carinho
			carinhoso abraços beijo beijos beijão amor amores amizade amigos saudável abençoado abençoada bênção deus graças gratidão grata grato agradeço agradecido agradecida obrigadão valeu
			perfeitos perfeitas perfeição sensacional espetacular fantástico fantástica excelente excelentes fenomenal demais arrasou arrasa musa diva mito rainha rei campeão campeã campeões
			vitória vencer venceu vencemos ganhamos ganhei conquista conquistas conseguimos consegui sucessos parabéns esperança paz delícia delicioso deliciosa férias festa comemorar top massa`,
		bad: `mau má maus mal ruim ruins pior piores péssimo péssima horrível terrível merda porra caralho puta foda fodase odeio ódio triste tristeza chorar chorando dor
			doente medo vergonha raiva irritada irritado chato chata cansado cansada tédio feio feia burro burra idiota estúpido inútil lixo problema problemas
			erro errado falso mentira mentiroso corrupto corrupção morte morto morrer morreu guerra violência crime fracasso perder perdi perdeu decepção
			decepcionado decepcionada lamentável desastre ridículo infelizmente sofrer sofrendo sozinha sozinho culpa ladrão bandido nojo nojento inferno droga
			ruins péssimos péssimas piores horríveis terríveis nojenta nojentos nojeira escroto escrota imundo lixos merdas porcaria bosta bostas cu fdp vsf pqp vtnc puto putaria arrombado
			desgraça desgraçado desgraçada maldito maldita odiando odiar odeiam odiei detesto raivosa revolta revoltado revoltada revoltante indignado indignada irritante irritando irrita
			chatos chatas chatice chateada chateado estressada estressado estresse stress tristes tristonha triste choro chorei choram lágrimas sofre sofrimento dói doendo dores doendo doença
			doentes gripe febre hospital morrendo morri morreu morta morrem mata matar matou assassino assassinos assassinato vítima vítimas tragédia tiro tiroteio violento estupro abuso
			medrosa apavorada assustada assustado pânico ansiedade depressão deprimida deprimido sozinhos solidão abandonada abandonado saudade saudades cansaço exausta exausto sono insônia fome
			feios feias burros burras burrice idiotas imbecil imbecis babaca babacas otário otários trouxa trouxas estúpida ridícula ridículos patético patética vergonhoso vergonhosa
			mentiras mentirosa mentirosos mente falsa falsos falsidade hipócrita hipócritas corruptos ladrões roubo roubou roubar roubado golpe golpista bandidos crimes criminoso criminosos racista
			racistas racismo machista preconceito fascista fascistas perdeu perdemos perdido derrota derrotas rebaixado fracassado fracassei decepcionante decepciona desastre errada erros
			falha falhas bugado quebrado quebrou travando lento lenta atraso atrasado demora demorando absurdo absurda injusto injustiça inaceitável impossível culpado azar pior tédio entediada`,
		negates: `não nunca jamais nada nenhum nenhuma sem nem`, strengthens: `muito tão demais super bem mais`, weakens: `pouco meio`,
	},
	"ar": {
		good: `جميل جميلة رائع رائعة ممتاز ممتازة جيد جيدة حلو حلوة احلى أحلى افضل أفضل احسن أحسن حب الحب احبك أحبك بحبك سعيد سعيدة سعادة السعادة فرح الفرح شكرا شكراً مبروك
			الحمد الحمدلله خير الخير بخير نجاح النجاح ناجح فوز الفوز مبدع ابداع إبداع عظيم عظيمة جنة الجنة امل أمل تفاؤل ضحك هههه ههههه هههههه يسلمو تسلم حبيبي حبيبتي
			قلبي رحمة بركة مبارك كريم يارب الله صباح ورد سلام السلام
			جميله رائعه ممتازه حلوه الجمال الروعة روعة روعه ابداع مبدعين مبدعة متميز مميز مميزة بطل ابطال أبطال الفائز فزنا مبارك تهانينا الف شكراا مشكور مشكورة ممتن
			احبكم أحبكم بحبكم نحبك احبه احبها حبيب حبيبنا العشق عشق اعشق غالي الغالي غالية عسل قمر كفو وفقك التوفيق توفيق موفق بالتوفيق يوفقك يسعدك اسعد سعداء مبسوط مبسوطة فرحان فرحانة فرحة افراح
			ابتسامة ابتسم ضحكت يضحك هههههههه ههههههههه متفائل راحة الراحة طمأنينة سكينة نعمة النعمة بركات مبارك هنيئا محترم محترمة احترام فخر فخور نفتخر اصدقاء صديق هدية عيد سعيدا جنه ربيع لذيذ لذيذة`,
		bad: `سيء سيئة سئ اسوأ أسوأ قبيح كره اكره أكره الكره حزين حزينة حزن الحزن زعل زعلان غضب غاضب خوف الخوف الم ألم الألم وجع مريض مرض موت الموت مات قتل القتل قتلى حرب
			الحرب ارهاب إرهاب الارهاب الإرهاب داعش ظلم الظلم ظالم كذب كاذب كذاب خاين خائن خيانة فشل الفشل فاشل فاسد الفساد فساد غبي غباء حمار كلب كلاب حقير قذر زبالة
			مشكلة مشاكل مصيبة كارثة عيب عار حرام للاسف للأسف تعب تعبان بكاء ابكي دموع خسارة خسر دمار عذاب جهنم لعنة لعن ضحايا
			سيئه سيئين أسوء اسوء الاسوأ الأسوأ وسخ وسخة قذارة زفت خرا تفو لعنه ملعون الملعون كلاب خنزير خنازير حيوان حيوانات اغبياء أغبياء غبية احمق حمقى تافه تافهة سخيف سخيفة
			حزينه حزنت يحزن احزان كئيب كآبة اكتئاب مكتئب بكيت يبكي ابكي البكاء دمع الدموع الم الالم يؤلم مؤلم موجع وجعني تعبت تعبانة ارهاق مرهق مريضة المرض امراض صداع حرارة خايف خائف يخاف رعب مخيف
			قتلوا يقتل مقتل جريمة جرائم مجرم مجرمين المجرم شهيد شهداء ضحية قصف تفجير انفجار هجوم ارهابي إرهابي ارهابيين دواعش احتلال فتنة مجزرة حروب جوع فقر فقير
			ظالمين مظلوم كاذبين كذابين يكذب نفاق منافق منافقين خونة سارق سرقة حرامي لصوص نصب نصاب فضيحة عنصرية عنصري طائفي فاشلة فاشلين خسرنا هزيمة مهزلة مصايب مصائب كوارث
			زعلانة زعلت غاضبة غضبان عصبي عصبية قهر مقهور ضيق ضايق متضايق ملل زهق زهقت طفشان مستفز يستفز قرف مقرف بشع بشعة كريه حقود حسد حاقد خيبة محبط محبطة احباط ندم اسف للاسف عطل مشكله تأخير بطيء`,
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

// valued are words of the same valence.
type valued struct {
	valence float32
	words   string
}

// customers are words of those who use something, which VADER lacks, by what they tell of their experience.
var customers = []valued{
	{-2.4, "atrocious abysmal appalling dreadful despicable disgraceful shambles shambolic trainwreck dogshit bullshit horrendous inexcusable unacceptable unforgivable"},
	{-2.0, "awful pathetic fiasco ripoff scammy scammers scammer fraudulent swindle swindled robbed hellish insufferable infuriating infuriated infuriates enraged livid fuming pissed " +
		"pisses incompetence incompetent unprofessional deplorable laughable crappy shitty shite bollocks lousy trashy dumpster nightmares worthless"},
	{-1.7, "delayed delays cancelled canceled cancellation cancellations cancels stranded overbooked bumped mishandled overcharged overpriced unhelpful clueless unanswered ignored ignores " +
		"ignoring misleading misled lied dishonest unresolved unreadable unplayable unstable defective faulty malfunction malfunctioning malfunctions bricked busted borked botched " +
		"subpar mediocre underwhelming underwhelmed letdown regretting regrettable fedup frustratingly disappointingly annoyingly sadly unfortunately ridiculously rudely " +
		"dismissive condescending spammy intrusive invasive nagging sluggish glitchy glitches glitch buggier downgraded broke broken breaks breaking " +
		"fails failing failed failure failures errored hangs hung freezes freezing froze frozen stuck stalled stalling bug bugs unsupported rejected declined denied refused refuses"},
	{-1.2, "slow slower slowest late waiting waited queue backlog missing lost gone duplicate duplicated wrong wrongly incorrect incorrectly confusing confused unclear clumsy cumbersome " +
		"convoluted outdated obsolete deprecated leak leaks leaking leaked timeout timeouts unreachable interrupted disconnects disconnected dropped dropping drops flicker flickering " +
		"lag lags lagging overheats overheating drains draining crashy refund refunds chargeback complain complained complaining complaint complaints escalate escalated escalating " +
		"unusably inconsistent inconsistently misconfigured misbehaving misbehaves corrupt corrupts inaccessible locked lockout expensive pricey hike hikes churn churned " +
		"unsubscribe unsubscribed cancel cancelling canceling workaround workarounds struggle struggled struggles sucky meh yikes ugh argh grr sigh smh facepalm"},
	{2.4, "flawless flawlessly phenomenal exceptional exceptionally stellar superb superbly outstanding lifesaver gamechanger mindblowing unbeatable breathtaking"},
	{1.8, "seamless seamlessly effortless effortlessly reliable reliably responsive polished slick sleek blazingly lightning speedy delighted delightful delightfully stoked pumped hyped thrilled " +
		"impressed impressive impressively recommend recommended recommending recommendation upgraded props bravo kudos congrats congratulations cheers thankyou thnx tysm appreciated appreciative " +
		"helpful helped courteous attentive knowledgeable friendliest smoothest smoothly smooth comfy yay woohoo woot hooray lovin luv loved loving legend rockstar"},
	{1.2, "fixed resolved solved works worked working stable faster quick quickly quicker easy easier easiest easily simple simpler handy neat tidy clean cleaner useful usable improved improves improvement improvements " +
		"upgrade prompt promptly refunded restored recovered sorted succeeded succeeds straightforward convenient excited enjoy enjoyed enjoying"},
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
	for _, list := range slices.Concat(customers, english) {
		for w := range strings.FieldsSeq(list.words) {
			l.Add(builtin.English, w, builtin.Entry{Valence: list.valence})
		}
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
