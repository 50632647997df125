package cel

import (
	"slices"

	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/stdlib"
)

// standard are the overloads of CEL's standard library that conditions have. What is absent is so on purpose: dyn and type
// defeat the type checker, + on lists makes values whose reading costs more than their size, string(string) and its like do
// nothing, and the rest is of types that attributes do not have.
var standard = []string{
	overloads.Conditional, overloads.LogicalAnd, overloads.LogicalOr, overloads.LogicalNot, overloads.NotStrictlyFalse,
	overloads.Equals, overloads.NotEquals, overloads.InList, overloads.IndexList,
	overloads.InMap, overloads.IndexMap,

	overloads.LessBool, overloads.LessEqualsBool, overloads.GreaterBool, overloads.GreaterEqualsBool,
	overloads.LessInt64, overloads.LessEqualsInt64, overloads.GreaterInt64, overloads.GreaterEqualsInt64,
	overloads.LessDouble, overloads.LessEqualsDouble, overloads.GreaterDouble, overloads.GreaterEqualsDouble,
	overloads.LessString, overloads.LessEqualsString, overloads.GreaterString, overloads.GreaterEqualsString,
	overloads.LessTimestamp, overloads.LessEqualsTimestamp, overloads.GreaterTimestamp, overloads.GreaterEqualsTimestamp,
	overloads.LessDuration, overloads.LessEqualsDuration, overloads.GreaterDuration, overloads.GreaterEqualsDuration,

	overloads.AddInt64, overloads.SubtractInt64, overloads.MultiplyInt64, overloads.DivideInt64, overloads.ModuloInt64,
	overloads.NegateInt64,
	overloads.AddDouble, overloads.SubtractDouble, overloads.MultiplyDouble, overloads.DivideDouble, overloads.NegateDouble,
	overloads.AddString,
	overloads.AddTimestampDuration, overloads.AddDurationTimestamp, overloads.AddDurationDuration,
	overloads.SubtractTimestampTimestamp, overloads.SubtractTimestampDuration, overloads.SubtractDurationDuration,

	overloads.SizeString, overloads.SizeStringInst, overloads.SizeList, overloads.SizeListInst,
	overloads.ContainsString, overloads.StartsWithString, overloads.EndsWithString, overloads.MatchesString,

	overloads.DoubleToInt, overloads.StringToInt, overloads.TimestampToInt, overloads.DurationToInt,
	overloads.IntToDouble, overloads.StringToDouble,
	overloads.BoolToString, overloads.IntToString, overloads.DoubleToString, overloads.TimestampToString, overloads.DurationToString,
	overloads.StringToTimestamp, overloads.IntToTimestamp, overloads.StringToDuration,

	overloads.TimestampToYear, overloads.TimestampToMonth, overloads.TimestampToDayOfYear, overloads.TimestampToDayOfMonthZeroBased,
	overloads.TimestampToDayOfMonthOneBased, overloads.TimestampToDayOfWeek, overloads.TimestampToHours,
	overloads.TimestampToMinutes, overloads.TimestampToSeconds, overloads.TimestampToMilliseconds,
	overloads.DurationToHours, overloads.DurationToMinutes, overloads.DurationToSeconds, overloads.DurationToMilliseconds,
}

// inZone are the same getters of timestamps, with a time zone.
var inZone = []string{
	overloads.TimestampToYearWithTz, overloads.TimestampToMonthWithTz, overloads.TimestampToDayOfYearWithTz,
	overloads.TimestampToDayOfMonthZeroBasedWithTz, overloads.TimestampToDayOfMonthOneBasedWithTz,
	overloads.TimestampToDayOfWeekWithTz, overloads.TimestampToHoursWithTz, overloads.TimestampToMinutesWithTz,
	overloads.TimestampToSecondsWithTz, overloads.TimestampToMillisecondsWithTz,
}

// standardFunctions cuts the standard library down.
func standardFunctions() []*decls.FunctionDecl {
	chosen := decls.IncludeOverloads(slices.Concat(standard, inZone)...)
	var functions []*decls.FunctionDecl
	for _, f := range stdlib.Functions() {
		if f = f.Subset(chosen); f != nil && !f.IsDeclarationDisabled() {
			functions = append(functions, f)
		}
	}
	return functions
}
