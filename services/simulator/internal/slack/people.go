package slack

import (
	"fmt"
	"slices"
	"strings"
)

// people are those who are always in the workspace: humans, other apps' bots and the app.
func people() []User {
	users := []User{
		{ID: BotUserID, Name: "feedback_pipeline", RealName: AppName, Bot: true, BotID: BotID, AppID: AppID},
		{ID: "U0DEPLOYBOT", Name: "deploybot", RealName: "Deploy Bot", Bot: true, BotID: "B0DEPLOYBOT", AppID: "A0DEPLOYBOT"},
		{ID: slackbotID, Name: "slackbot", RealName: "Slackbot"},
	}
	for _, p := range [][2]string{
		{"maria.santos", "Maria Santos"}, {"jonas", "Jonas Weber"}, {"aiko", "Aiko Tanaka"}, {"priya", "Priya Raman"},
		{"tom.h", "Tom Hughes"}, {"lea", "Léa Fournier"}, {"oskar", "Oskar Lindqvist"}, {"dimitri", "Dimitri Petrov"},
		{"wanjiku", "Wanjiku Kamau"}, {"chen.li", "Chen Li"}, {"sofia", "Sofía Gómez"}, {"bart", "Bart de Vries"},
		{"noor", "Noor Al-Sayed"}, {"gustavo", "Gustavo Lima"}, {"emily", "Emily O'Connor"}, {"ravi", "Ravi Patel"},
		{"hanna", "Hanna Virtanen"}, {"marek", "Marek Kowalski"}, {"yusuf", "Yusuf Demir"}, {"grace", "Grace <3 Cloud & Co"},
	} {
		users = append(users, User{ID: makeID("U", p[0]), Name: p[0], RealName: p[1]})
	}
	return users
}

// Handles lists the names of all humans, sorted.
func (w *Workspace) Handles() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, u := range w.users {
		if !u.Bot && u.ID != slackbotID {
			out = append(out, u.Name)
		}
	}
	slices.Sort(out)
	return out
}

// person returns the user with that id or name and makes one where there is none; w.mu is held.
func (w *Workspace) person(idOrName string, bot bool) (*User, error) {
	name := strings.ToLower(strings.TrimPrefix(idOrName, "@"))
	if u := w.users[idOrName]; u != nil {
		return u, nil
	}
	for _, u := range w.users {
		if u.Name == name {
			return u, nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("user is empty: name who says it")
	}
	u := &User{ID: makeID("U", name), Name: name, RealName: idOrName, Bot: bot}
	if bot {
		u.BotID, u.AppID = makeID("B", name), makeID("A", name)
	}
	return u, w.commit(&entry{Op: "user", User: u})
}
