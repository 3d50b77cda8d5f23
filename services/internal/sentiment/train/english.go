package main

// english are words of opinion in English that VADER lacks, by valence: of those who build software, of those who use
// something or travel, of talk among friends and of news. They were written from what the words mean, and from the words
// that are common in the texts for training, without their labels.
//
//nolint:misspell // some are written as people write them
var english = []valued{
	{-2.4, `abomination monstrosity clusterfuck fml goddamnit extortion manslaughter massacre massacred pedophile pedophiles
		scum scumbags asshole douchebags motherfuckers nazis vilest repulsive revolting nauseating loathsome detestable
		heinous nightmarish soulless subhuman slaughtered slaughter bombing bombings beheaded beheading genocide holocaust`},
	{-2.0, `hideous idiocy idiots imbeciles asinine braindead dammit debacle gouging uncaring unbearable intolerable
		disgracefully laughingstock sexist homophobic misogynist misogynistic bigot bigots bigotry awfully craptastic
		craptacular shitshow shitstorm hellhole dissapointed dissapointing dissapointment disapointed disapointing horible
		terible aweful cancerous fuckup fuckups vomit vomited vomiting yuck eww filthy filth infested cockroach cockroaches
		bedbugs backstabbing traitor traitors hypocrite hypocrites hypocrisy unforgiveable indefensible reprehensible`},
	{-1.7, `brittle kludge kludgy kludges unmaintainable spaghetti segfault segfaults segfaulting deadlocks deadlocked clobber
		clobbers clobbered garbled garbles mangled mangles hosed bork borks borking borken headache headaches migraine
		headdesk rubbish bogus nonsensical preposterous absurd absurdly absurdity insanely rediculous rediculously crock
		hogwash moldy shoddy substandard understaffed overbooking oversold disorganised runaround unaccommodating
		unwelcoming overcharge overcharging conned scamming berated exasperating smelly reeks hangry trash trashed cringe
		cringeworthy cringy cringey delusional gutted bummed bawling flopped ick icky ughh tasteless godawful demeaning
		discriminated discriminating discrimination trolls trolled creepy creeps dicks clown clowns cowards toxic slurs
		disrespectful disrespects deadly corpses sinkhole unlivable`},
	{-1.2, `messes messing fragile hackish hackery cruft crufty cryptic undocumented unintuitive counterintuitive
		incomprehensible opaque tedious overkill overcomplicated overengineered bloat inelegant suboptimal insufficient
		unsuitable pointless pointlessly needless needlessly unnecessary unnecessarily wasteful baffled baffling baffles
		bewildering puzzling stumped misbehaviour regressed regressions nonexistent misplaced overbook dented scratched
		yelled yelling cramped soggy stale sweaty tiring overrated lackluster lacklustre flimsy unapologetic unauthorized
		snarky whiny ranting bah gah ew boo dang darn ouch eek oof tsk noo cringing meltdown downfall sue sued sueing jail
		shooting shootings hanged illegally plagiarism sleepless insomnia nausea nauseous fever infection concussion
		headwind wrecked wrecking spoil spoiled spoils sabotaged cursed cowardice naughty pollution drought famine layoffs
		unemployed bankruptcy downvoted downvotes downvote underperform underperforming underperformed underpaid
		miscommunication misguided mistreated worthlessness unfunny uninspired uninteresting uninspiring unprepared
		unwatchable unfinished forgettable bland yawn snooze`},
	{-0.8, `oops whoops doh clunkier oddly mysteriously unexpectedly unexpected hmpf redundant superfluous nitpick nitpicky
		nitpicking picky diverted rebook rebooking forgot forgetting quitting quit ditch ditched suspension iffy sketchy
		shady fishy sloppy laziness underused unlucky unpopular unintended limitations drawback drawbacks downsides caveat
		pitfall gotcha gotchas overhead bottleneck bottlenecks flaw flaws hassle hassles nuisance inconveniences
		inconvenienced disconnect disconnecting unwilling`},
	{2.4, `incredible amazingly fantastically masterful masterfully lifesavers bestest topnotch unforgettable spectacularly
		marvelously marvellously awesomely awesomest awesomesauce kickass goosebumps swoon swooning spellbinding blissfully`},
	{1.8, `ingenious genius delish yum yumm tasty tastiest insightful classiest legendary iconic magical wholesome uplifting
		accommodating hospitable kindest sweetest coolest finest greatness awesomeness superstar superstars rockstars
		priceless unparalleled unrivaled memorable timesaver grats congratulated congratulating thanx thanxx thnks
		thankyouu tysvm merci gracias arigato danke huzzah yayy yaay woop whoop whoohoo faves favourite favourites yessir
		hehe hehehe hahah hahahah hahahaha ahaha lmaoo celebration celebrations victory victorious fabs brill spotless
		immaculate shipit bravissimo professionalism dazzling dazzled glowing adorbs bestie besties refreshing refreshingly`},
	{1.2, `tidier readable maintainable performant lightweight versatile concise thorough thoroughly informative clarified
		saves timesaving cleanest properly ontime punctual spacious roomy cosy accommodated hospitality upbeat empowering
		empowered relatable underrated dope lit epic unreal blast mvp upvoted upvote aww amen birthday bday anniversary
		vacation achievement achievements achieve achieved accomplishment accomplishments advances breakthrough milestone
		milestones invaluable plenty gifts giveaway chill chillin cozy snug freshest golden gem gems beaming smirk snuggle
		snuggles cuddle cuddles cuddling flawlessness smoothness cooler sweeter goodies savvy skillful genuine genuinely
		reliability dependable`},
	{0.8, `fixes fixing workable sensible reasonable feasible correctly intrigued intriguing legit approve
		valid deserve deserved deserves deserving woah yup`},
}
