package spec

import (
	"encoding/json"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// Argo runs Argo CD's health script over an object, as Argo CD does: obj is the object, and what it returns has a
// status and a message.
func Argo(script string, object any) (status, message string, err error) {
	text, err := json.Marshal(object)
	if err != nil {
		return "", "", err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return "", "", err
	}
	state := lua.NewState()
	defer state.Close()
	state.SetGlobal("obj", luaValue(state, plain))
	if err := state.DoString(script); err != nil {
		return "", "", fmt.Errorf("run health.lua: %w", err)
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", errors.New("health.lua returns no table; it has to return one with status and message")
	}
	return table.RawGetString("status").String(), table.RawGetString("message").String(), nil
}

// luaValue is what JSON decoded, for Lua.
func luaValue(state *lua.LState, of any) lua.LValue {
	switch of := of.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, element := range of {
			table.RawSetString(key, luaValue(state, element))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, element := range of {
			table.Append(luaValue(state, element))
		}
		return table
	case string:
		return lua.LString(of)
	case float64:
		return lua.LNumber(of)
	case bool:
		return lua.LBool(of)
	}
	return lua.LNil
}
