package cel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

var errZone = errors.New("not a time zone")

// location reads a time zone: a name of the IANA database, which is the one of the system, or an offset from -23:59 to +23:59.
// The empty name and Local, which mean another zone on another machine, are none.
func location(name string) (*time.Location, error) {
	if sign := strings.IndexByte("+-", (name + " ")[0]); sign >= 0 {
		at, err := time.Parse("15:04", name[1:])
		if err != nil || len(name) != len("+15:04") {
			return nil, errZone
		}
		seconds := at.Hour()*3600 + at.Minute()*60
		return time.FixedZone(name, seconds*(1-2*sign)), nil
	}
	if name == "" || name == "Local" {
		return nil, errZone
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, errZone
	}
	return l, nil
}

// constant checks the text that a function is given last, if that is a constant.
func constant(overload, text string) error {
	var v ref.Val
	switch overload {
	case stringToIP, cidrContainsIPString:
		_, err := parseAddr(text)
		return err
	case stringToCIDR, cidrContainsCIDRString:
		_, err := parseCIDR(text)
		return err
	case overloads.StringToInt:
		v = types.String(text).ConvertToType(types.IntType)
	case overloads.StringToDouble:
		v = types.String(text).ConvertToType(types.DoubleType)
	case overloads.StringToTimestamp:
		v = types.String(text).ConvertToType(types.TimestampType)
	case overloads.StringToDuration:
		v = types.String(text).ConvertToType(types.DurationType)
	default:
		if slices.Contains(inZone, overload) {
			_, err := location(text)
			return err
		}
		return nil
	}
	if types.IsError(v) {
		return fmt.Errorf("%v", v)
	}
	return nil
}

// fold does once what would otherwise be done again in every evaluation: it reads the addresses and the networks, and loads the
// time zones.
func fold(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) == 0 {
		return i, nil
	}
	last, ok := call.Args()[len(call.Args())-1].(interpreter.InterpretableConst)
	if !ok {
		return i, nil
	}
	text, ok := last.Value().(types.String)
	if !ok {
		return i, nil
	}
	switch id := call.OverloadID(); {
	case id == stringToIP:
		return interpreter.NewConstValue(call.ID(), toAddr(text)), nil
	case id == stringToCIDR:
		return interpreter.NewConstValue(call.ID(), toCIDR(text)), nil
	case slices.Contains(inZone, id):
		l, err := location(string(text))
		if err != nil {
			return nil, err
		}
		get := call.Function()
		return interpreter.NewCall(call.ID(), get, id, call.Args(), func(args ...ref.Val) ref.Val {
			return types.Timestamp{Time: args[0].(types.Timestamp).In(l)}.Receive(get, "", nil)
		}), nil
	}
	return i, nil
}
