package sentiment

// commonWords are the commonest words of the languages in Latin script that are told apart by
// them; a word may stand in several lists. An entry such as qu' is what stands before an
// apostrophe, one such as 'll what stands after it. Where two languages have as much evidence,
// the one that comes first here is taken.
//
//nolint:misspell // most of them are not English
var commonWords = []struct{ language, words string }{
	{english, `
		the and this that these those with you your yours they them their there what why how when
		which would could should from because it's that's there's here's what's who's let's i'm 'm 'll 've 're 'd
		don't doesn't didn't isn't aren't wasn't weren't can't cannot won't couldn't wouldn't shouldn't haven't hasn't ain't
		dont doesnt didnt isnt cant wont ive youre thats gonna wanna gotta
		have haven has been being had having does did doing done will shall may might must
		just every after again our ours us us anyone anything someone something nothing everything nobody everybody everyone still
		then than only about before between through while where who whose whom until since without within against during
		other another much many any its can she her his him himself myself yourself itself few several both each
		very really too also always never ever often soon later today tomorrow yesterday already yet maybe perhaps almost even though although
		getting get gets got gotten makes make making made please thanks thank thx sorry hello welcome
		love loves hate great good better worse worst bad nice awesome excellent terrible horrible awful happy sad stupid wrong right
		work works working worked keep keeps kept need needs needed want wants wanted know knows knew known think thinks thought feel feels
		looks looking look say says said tell told ask asked call called use using used try trying tried take took taken
		give gave given find found come coming came went going goes gone let put run ran runs running broke broken breaks fix fixed
		see seen saw hear heard show shows stay wait waiting stop stopped start started seems happen happened happens
		people thing things time times day days week weeks month months year years way world life work home house
		man men woman guy guys girl boy friend friends mother father here now out up down off over into back away around
		like likes more most less some all one two three four five first second last next new old big little long short same own
		well why yes yeah okay hey oh but not or if so as at by of on to for in is are was were be am it he we i my me do go an a no
		able ago bit else enough far high low lot lots nor once part place point problem question read send sent slow sure
		talk true under users upon using whether write yet side hard half hour hours minute minutes money
		pages page complain latency front since monday tuesday wednesday thursday friday saturday sunday
		slower faster help hope everyone's anybody shit fuck fucking damn hell`},
	{"de", `
		der die das den dem des ein eine einen einem einer eines und oder aber auch nicht nichts kein keine keinen ist sind war waren bin bist
		sein seine seinen haben habe hat hast hatte hatten wird werden wurde würde würden worden ich du er sie es wir ihr mich dich uns euch ihm ihn ihnen
		mein meine meinen meiner dein deine deinen unser unsere mit von vom zu zum zur für auf aus bei nach über unter vor seit bis durch gegen ohne um im
		wie was wer wo wann warum wenn weil dass daß ob als dann denn doch noch schon nur sehr so mehr immer wieder heute morgen gestern jetzt hier da dort
		kann können konnte könnte muss müssen musste soll sollte wollen will mal ja nein danke bitte gut gute guten alles alle etwas man mir dir
		sich diese dieser dieses diesen jeder jede jemand niemand viel viele wirklich ganz leider geht gibt macht machen weiß sagen komm kommen
		zeit leute jahre tag wurden läuft kaum keiner gar los warte hallo endlich einfach also ach okay ok
		zwei drei ab stimmt wohl nun genau vielen mann frau gott geld kleine ihre ihren willst kannst weniger weg wegen wieso anders nie darf unsere euer zusammen schlimm geil scheiße leute tut hab funktioniert erreichbar`},
	{"fr", `
		le la les l' un une des du de d' et ou mais où donc je j' tu il elle on nous vous ils elles me m' te t' se s' ce c' ça cela cette ces cet
		mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs qui que qu' quoi quand comment pourquoi dans sur sous avec sans pour par chez vers
		est sont suis es sommes êtes était étaient être été a ai as avons avez ont avoir avait fait faire faut peut peux veux veut dit dire vais va aller
		ne n' pas plus rien jamais toujours encore très trop bien bon bonne tout tous toute toutes aussi alors si oui non merci bonjour salut ici là
		depuis puis après avant comme même moi toi lui eux entre parce quel quelle voilà voici peu beaucoup monsieur deux temps jour homme
		allez viens sais vois pense aujourd' hui quelqu' marre tellement
		aux ans trois monde femme moins maintenant chose ensemble travail nouveau sera attends attendez allons mieux vraiment quelque personne quelques merde aucun aucune selon fois celui ceux étais serait`},
	{"es", `
		el la los las un una unos unas y o u e de del al a en con sin por para sobre desde hasta entre que qué quién quien cómo como cuándo cuando dónde donde
		porque pero si sí no ni ya yo tú él ella ellos ellas nosotros usted ustedes me te se le les lo nos mi mis tu tus su sus
		es son soy eres era eran fue está están estoy estás estaba ser estar ha he has han hay había haber tengo tiene tienes tener
		hace hacer hacen puede puedo puedes quiero quieres va voy vamos vas este esta esto estos ese esa eso aquí allí ahora
		muy más menos también nunca siempre todo todos toda todas nada nadie algo alguien otra otro otros bien bueno buena mejor gracias hola
		día vez años ver sólo solo así después antes mucho muchas muchos poco señor favor dónde cada sabe sé dos hombre qué creo
		estamos tenemos tiempo necesito nuestro nuestra demasiado buen tan gran parece genial buenas nuevo trabajo tres cosas hemos claro ayuda fuera vida gusta deja tipo noche noches dice mal durante mismo misma cosa favor han contesta funciona`},
	{"it", `
		il lo la i gli le l' un uno una un' e ed o ma di del dello della dei delle dell' da dal dalla a al alla ai alle in nel nella nell' con su sul sulla per tra fra
		che chi cosa come quando dove perché perche non né se mi ti ci vi si io tu lui lei noi voi loro mio mia miei tuo tua suo sua nostro
		è e' sono sei siamo siete era essere stato stata ho hai ha abbiamo avete hanno avere fa fare può posso puoi voglio vuoi va vado andiamo
		questo questa questi quello quella quel c' c'è più meno anche ancora già mai sempre tutto tutti tutta niente qualcosa qualcuno molto poco bene
		grazie ciao sì no ora adesso oggi qui lì così solo dopo prima ogni due anni altro altra allora d' po' beh signore uomo casa detto sta
		dai davvero certo subito sto stanno dobbiamo proprio devo devi senza fuori quanto vero aveva vita col cose tempo basta ero spero favore sarebbe forse ad ed gli ragazzi signor buon buona buongiorno mai ehi invece ancora nuovo nuova`},
	{"pt", `
		o a os as um uma uns umas e ou de do da dos das em no na nos nas num numa ao à aos com sem por pelo pela para pra sobre até entre desde
		que quem como quando onde porque mas se não nem sim já eu tu ele ela eles elas nós você vocês me te lhe meu minha meus seu sua seus teu tua
		é são sou era foi está estão estou estava ser estar há tem tenho têm ter tinha vai vou vamos faz fazer pode posso quero quer
		este esta isto esse essa isso aquele aquilo aqui ali lá agora muito muita mais menos também nunca sempre tudo todos nada ninguém algo alguém
		outro outra bem bom boa obrigado obrigada olá dia vez anos só então depois antes cada gente fica ficou acho sei senhor alguma nenhum
		tá melhor temos ainda hoje mim comigo quanto mesmo mesma coisa coisas tempo deve aí vida nossa nosso talvez seja pois ir sair olha passa nova novo apenas tão porquê você vc eram dessa desse ninguém responde péssimo`},
	{"nl", `
		de het een en of maar want ik jij je hij zij ze wij we jullie u mij hem haar ons mijn jouw zijn hun dit dat deze die er daar hier
		is was waren ben bent wordt werd worden heb hebt heeft had hebben kan kunnen kon moet moeten wil wilt zal zou zullen ga gaat gaan
		niet geen niets nog al ook wel weer dan als om te van voor naar met bij op uit aan in over onder door tot zonder sinds
		wat wie waar wanneer waarom hoe omdat toch heel erg zo meer veel iets iemand niemand alles altijd nooit nu vandaag
		gisteren morgen ja nee dank bedankt goed gewoon echt jaar dag weet doen maak laat zeg kom hou denk mensen hele staat stil eens even ligt
		kijk nou word zoek bijna twee drie iedereen precies eerst jou mooi mooie leuk anders weg meneer alsjeblieft zei veilig zijn waarom krijgt worden nieuwe snel elke gedaan snap komt werkt jongens klopt slecht`},
	{"pl", `
		i w z na do od ze we nie tak to jest są był była było być się że co kto jak gdzie kiedy dlaczego czy ale albo lub oraz bo więc jeśli
		ja ty on ona my wy oni mnie mi cię ci go mu jej jego ich nas nam was wam mój moja moje twój twoja swój ten ta te tego tej tym
		za po przez przed przy dla bez pod nad już jeszcze tylko bardzo też także teraz dzisiaj dziś zawsze nigdy nic ktoś coś wszystko
		mam masz ma mamy może można mogę chcę chcesz wiem wiesz dzięki dziękuję proszę dobrze tu tam znowu raz chyba jestem jesteś pan będzie działa
		dalej dobra panowie panie daj wszyscy pani prawda niestety musimy dwa ich jako nawet właśnie gdy sobie siebie żeby aby niż czas dzień teraz więcej źle wszystkie świetnie działają`},
	{"tr", `
		bir bu şu o ve ile de da ki mi mı mu mü için ama fakat gibi kadar daha çok en ne neden nasıl nerede kim ben sen biz siz onlar bana sana
		beni seni benim senin onun bizim var yok değil evet hayır şey her hiç sonra önce şimdi bugün yine hala artık sadece
		olarak olan oldu olur olsun iyi kötü teşekkürler lütfen tamam diye ya ise kimse tüm bütün gün zaman yıl bunu böyle biliyorum misin vermiyor
		bence galiba aynı herkes gün neyse olmuyor çünkü zaten hemen belki bak işte abi falan günü bizi size onu şu`},
	{"sv", `
		och att det den de som en ett är var inte jag du han hon vi ni mig dig honom henne oss er min mitt mina din ditt sin sitt sina
		för på av med till från om men så kan ska skulle har hade vill måste finns blir blev varit när där här hur vad vem varför
		bara också mycket mer nu då alla allt något någon inget ingen aldrig alltid igen efter utan under över eller detta denna
		ja nej tack bra gör göra går få får kommer vet ser väl nog idag ligger nere sedan dag
		tillbaka titta vilken vilket lite kanske verkligen ju visst sedan gjort tog mamma pappa inga hennes hans borde ville kunde tycker känner någonting fungerar`},
	{"no", `
		og at det den de som en et er var ikke jeg du han hun vi dere meg deg ham henne oss min mitt mine din ditt sin sitt
		for på av med til fra om men så kan skal skulle har hadde vil må finnes blir ble vært når der her hvor hva hvem hvorfor hvordan
		bare også mye mer nå da alle alt noe noen ingen aldri alltid igjen etter uten under over eller dette denne seg
		ja nei takk bra gjør gjøre går få får kommer vet ser vel nok dag opp ut sånn litt siden
		å hei kanskje tilbake greit hans hvis kunne ville akkurat veldig tre gang ned gjort bli blitt snart fort jobb hennes være liten tror takk skjer funker`},
	{"da", `
		og at det den de som en et er var ikke jeg du han hun vi mig dig ham hende os min mit mine din dit sin sit jer
		for på af med til fra om men så kan skal skulle har havde vil må findes bliver blev været når der her hvor hvad hvem hvorfor hvordan
		bare også meget mere nu da alle alt noget nogen ingen aldrig altid igen efter uden under over eller dette denne sig
		ja nej tak godt gør gøre går få får kommer ved ser vel nok dag op ud sådan lidt siden kun lige mod hej
		være hvis kunne ville tror tager helt længe mange måske sammen tage ind hans virkelig sige komme gjorde andet bedre intet nok virker fordi jeres`},
	{"fi", `
		ja on ei en et ole oli olen olet olla ovat että se sen sitä ne hän minä sinä me te he minun sinun hänen meidän minua sinua minulla sinulla
		tämä tämän tätä nämä tuo mikä mitä kuka missä miksi miten milloin kun jos vai tai mutta kuin niin nyt vain vielä jo
		myös hyvin hyvä paljon kaikki mitään joku jotain aina koskaan tässä täällä siellä sitten kanssa ilman jälkeen ennen takaisin
		kiitos anteeksi kyllä tiedä tiedän voi voin pitää täytyy olisi eikö oikein taas joka älä haluan mene tule
		hänet minulle onko hyvää anna pois minut oletko emme olemme hei halua siitä kuten ota eivät häntä olette koska ehkä saa siis aivan sinulle heti juuri mistä enää tänne liian itse aika koko tästä kai mennä katso sinut heidän entä tule tämän toimi paljonko ainakin`},
	{"cs", `
		a i v z na do od se si je jsem jsi jsou jsme jste byl byla bylo být že co kdo jak kde kdy proč ale nebo protože když jestli
		já ty on ona my vy oni mě mně mi ti tě ho mu jeho její jejich nás nám vás vám můj moje tvůj svůj ten ta to tu tady tam
		za po před při pro bez pod nad už ještě jen jenom velmi taky také teď dnes vždy nikdy nic někdo něco všechno
		mám máš má máme může můžu chci chceš vím víš děkuji díky prosím dobře ano ne není nejsem opět bude budu být tak pane musím
		toho jako ji moc asi chcete máte koho pravda tohle ani opravdu ahoj kam nevím bych prostě dobrý pozor sakra která které který kteří musíme nechci díky`},
	{"ro", `
		și si un o unei unui de la în in din pe cu pentru prin spre fără după despre sub că ca să sa nu mai dar sau dacă când cum unde cine ce
		eu tu el ea noi voi ei ele mă te îl îi le ne vă mi-e meu mea tău ta său lui lor este e sunt ești suntem era fost fi am ai are avem aveți au
		acest această asta asta acum aici acolo foarte mult tot toate toți nimic ceva cineva niciodată mereu doar încă
		da bine mulțumesc vreau poate pot trebuie fac face știu hai asa așa decât cât iar azi nici fi vrei
		eşti şi esti care haide domnule sigur bun uite îmi prea chiar daca nevoie mersi ar totul timp putem cand stiu ştiu buna bună vezi destul spus pune lui ți fie dintre acolo merge toată aceasta acestea toata imi asa`},
	{"hu", `
		a az egy és vagy de hogy nem is ez azt ezt ami aki mint ha mert csak már még meg most itt ott én te ő mi ti ők nekem neked neki
		engem téged van vannak volt lesz lenne vagyok leszek kell lehet tud tudom akar akarom mit mi ki hol miért hogyan mikor
		nagyon jó jól igen köszönöm kérem sem semmi valami valaki minden mindig soha után előtt között nélkül ma
		úgy így akkor aztán csináld gyere hát talán szerintem megint sok több kicsit vissza ide oda benne
		fel semmit nincs valamit várj majd milyen kellene kéne szép senki tudok persze rá amit maga fog vele veled elég ezért tényleg vagyunk mind tovább rossz jobb hozzá hiszen tudja minket titeket szia működik újra`},
	{vietnamese, `
		không và của là có cho được này với người một những trong đã rồi lại từ cũng nhưng thì đang tôi bạn anh em chị gì như khi đi ra vào còn đến sao ơi quá`},
	{"id", `
		yang dan di ke dari ini itu untuk dengan tidak tak bukan ada adalah akan sudah telah belum bisa dapat harus saya aku kamu anda dia kami kita mereka
		apa siapa kenapa mengapa bagaimana kapan mana karena jadi tapi tetapi atau juga hanya saja lagi masih sangat sekali semua banyak
		orang hari sekarang kalau jika seperti pada oleh dalam lebih terima kasih tolong gak nggak ga aja udah dong banget sih kok nya jangan
		bukan gimana udah nih tuh dia tapi bgt yg ga sih kenapa semuanya selalu mau boleh hari ini lama buat sama`},
}

// weakEnglish are words of the English list that other languages have too, in their own words, in
// words that they took over or in names, and foreign words that stand in English names: for every
// language that has them they are little evidence.
const weakEnglish = `
	a an i in is it on of or so no not as at be by do go he me my we am us to for but if up out all one two now old new well okay ok oh ah hey hi wow
	had has will was men man her his him may made make time day over under down off far here see come same still more most some bad boy girl
	problem start stop fix team page pages minute side hard part point last men first her home show let put run big half high land sent
	de del la le les el los las du des den der das van von di da y en et al san un una non sur par per pro via con don
	die war hat also dann dir kind rat gut art arm fest
	plus comment pour main son sans fin sent car tout
	era sin once todo solo no sea pan come fine dove due male sole
	ten to far fast bra mitt till her kan var
	az ami ha most egy volt mint ma
	id ada mana pada ki her bin ve mu
	si ca am are pot fost face fac
	love team super life
	em mon o z v u um ed kim met co w mine sit ya yo door word weg hi anna dice col gang ned fort mind sake tage ad tan mal sera bun
	fog care pare kill tre sake hat mama papa mamma pappa store same ab
`
