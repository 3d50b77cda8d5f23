package main

// listed are languages of which there are no texts to train on, by their commonest words: enough for the detector not to
// take them for another one.
//
//nolint:misspell // they are not English
var listed = []struct{ language, words string }{
	{"tr", `
		bir bu şu o ve ile de da ki mi mı mu mü için ama fakat gibi kadar daha çok en ne neden nasıl nerede kim ben sen biz siz onlar bana sana
		beni seni benim senin onun bizim var yok değil evet hayır şey her hiç sonra önce şimdi bugün yine hala artık sadece
		olarak olan oldu olur olsun iyi kötü teşekkürler lütfen tamam diye ya ise kimse tüm bütün gün zaman yıl bunu böyle biliyorum misin vermiyor
		bence galiba aynı herkes gün neyse olmuyor çünkü zaten hemen belki bak işte abi falan günü bizi size onu şu`},
	{"vi", `
		không và của là có cho được này với người một những trong đã rồi lại từ cũng nhưng thì đang tôi bạn anh em chị gì như khi đi ra vào còn đến sao ơi quá`},
	{"id", `
		yang dan di ke dari ini itu untuk dengan tidak tak bukan ada adalah akan sudah telah belum bisa dapat harus saya aku kamu anda dia kami kita mereka
		apa siapa kenapa mengapa bagaimana kapan mana karena jadi tapi tetapi atau juga hanya saja lagi masih sangat sekali semua banyak
		orang hari sekarang kalau jika seperti pada oleh dalam lebih terima kasih tolong gak nggak ga aja udah dong banget sih kok nya jangan
		bukan gimana udah nih tuh dia tapi bgt yg ga sih kenapa semuanya selalu mau boleh hari ini lama buat sama`},
	{"tl", `
		ang ng sa mga na ay at ito ko mo ka siya kami kayo sila namin natin ninyo nila niya ako ikaw po opo hindi wala may mayroon meron
		kung para kasi dahil pero lang lamang din rin naman nga ba daw raw pa muna ulit lagi palagi ngayon kanina kahapon bukas araw gabi umaga
		ano sino saan kailan bakit paano gusto ayaw alam sabi sana talaga sobra nakakainis maganda mabuti masama salamat kumain gumagana serbisyo
		yung yun nung dito doon diyan kaya kahit isa dalawa tatlo lahat tao bata bahay trabaho simula`},
	{"hr", `
		i je da se na u za od do s sa ne nije nisu jesam sam si smo ste su bio bila bilo biti što šta tko ko kako gdje kada zašto jer ako ali ili
		ja ti on ona mi vi oni mene tebe njega nju nas vas njih moj moja tvoj tvoja svoj taj ta to ovo ovaj ova ono tamo ovdje sada uvijek nikad nikada
		već još samo jako vrlo puno malo danas sutra jučer opet hvala molim dobro loše dobar može mogu moram želim hoću znam znaš imam imaš ima nema
		zbog prije poslije kroz između ništa nešto netko sve svi radi ljudi vrijeme dan kuća čovjek žena đavo ćemo ćete`},
}
