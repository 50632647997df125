package identity_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// bypass is a way in which authorization engines have been bypassed, and the
// tests that hold it here. Each test is named by its package, if it is not of
// this one.
type bypass struct {
	way   string
	tests string
}

// bypasses are all that we know of. What does not concern an engine inside a
// process says so instead of naming tests.
func bypasses() []bypass {
	return []bypass{
		// Names and matching.
		{"an empty field, a world without rules", "TestBypassEmptyFields policy.TestBypassEmptyFields TestSec46_DenyByDefault policy.TestSec46_DenyByDefault"},
		{"line breaks, NUL and other control characters", "policy.TestBypassControlCharacters TestBadText TestBadIDs"},
		{"double slashes, dot segments, escapes, escapes of escapes", "policy.TestParsePathRefuses policy.TestNewPath policy.FuzzPath httpauth.TestSec57_Paths"},
		{"other cases and outer spaces, in code and in the database", "TestBypassSpelling policy.TestBypassLookAlikes TestFilters migrations.TestTables"},
		{"forms of a letter, look-alikes, invalid UTF-8", "policy.TestBypassLookAlikes TestBypassSpelling TestBadText"},
		{"an id that is a pattern", "policy.TestBypassIDsAreNoPatterns TestBypassStoredScopes"},
		{"a beginning that is no ancestor", "policy.TestBypassNeighbours TestBypassStoredScopes policy.TestPathRelations"},
		{"what follows a *, dots as wildcards", "policy.TestParsePattern policy.FuzzPattern"},
		{"delimiters inside of what is joined", "policy.TestBypassDelimiters policy.TestCollisions cursor.TestSec50_FieldsDoNotRunTogether TestSec41_PerCredential"},
		{"an address of one network that is written as one of another", "cel.TestAddress cel.TestRandomNetworks"},

		// What rules mean.
		{"a deny whose condition fails or lacks a value", "policy.TestWorlds cel.TestEval"},
		{"a missing key in operators on sets", "cel.TestEval"},
		{"an error inside that becomes an allow", "TestBypassEveryReadFails TestStaleness"},
		{"a wildcard beside an exclusion", "policy.TestContents policy.TestWorlds"},
		{"a deny that does not count for one's own", "TestBypassDenyReachesEverybody"},
		{"verbs, roles and kinds of resource that nobody knows, for administrators too", "TestBypassUnknownNames TestPermissionTable TestBadSpecs TestSec46_DenyByDefault"},
		{"nothing where an engine should be, no decision, a cancelled call", "TestBypassCancelled policy.TestNilSnapshot TestSec46_DenyByDefault TestClosed TestExchangeWithACancelledContext"},
		{"cycles and limits of depth", "TestSec52_GroupDepth policy.TestSec52_GroupsAreBounded policy.TestSec52_Diamonds policy.TestPutRole TestSec52_RoleLimits TestSharedCyclesOnTheWay"},
		{"grants that outlive what they name", "TestBypassChangedCatalog TestUnknownCodeRole TestSec43_NamesStayTaken policy.TestContents"},

		// State and time.
		{"a change that the next call does not see", "TestSec36_AtOnce TestSec47_RightsAreOfNow TestSec35_LivenessMatrix TestSec37_OtherProcessSees soak.TestRevocation soak.TestDoor"},
		{"a resource that moves", "none: the host says the path with every question, and nothing is kept by resource"},
		{"a write while an org is being loaded", "TestBypassWriteDuringLoad TestViewReadBeforeAForeignWrite TestEvictionKeepsNoOldView TestEvictionRace"},
		{"a transaction that is undone", "TestRollbackLeavesNoTrace TestFailedCallIsUndoneAlone commit.TestErrorPanicAndGoexitUndoOnlyTheirOwn"},
		{"a crash between the commit and what follows it", "soak.TestKill commit.TestFailedCommitLeavesDoubt commit.TestPanickingPublish"},
		{"a second process that writes", "TestSec37_OtherProcessSees TestSharedRandomWrites TestSec41_SharedReplay soak.TestDoorShared soak.TestSecondProcess"},
		{"a file that is replaced under a running process", "TestReplacedFile soak.TestReplacedFile sqlite.TestFileReplaced"},
		{"a load or a migration that is half done", "TestBypassEveryReadFails migrations.TestLadder sqlite.TestMigrateCheck sqlite.TestNewerSchema"},
		{"a stream that outlives its caller, a token that outlives what it was made from", "TestSec35_LivenessMatrix TestWatchEndings TestWatchExpiry TestSec38_Derived TestSec40_NeverLonger TestSec40_KeysDoNotOutliveTheOneUsed"},
		{"a clock that is set back, an end that is now, an end at zero", "TestSec39_Edges TestStartOfABinding TestSec39_SessionOfTheEpoch policy.TestBypassInstants clock.TestTimeNeverGoesBack"},

		// Who is who.
		{"ids and names used again, an external id that is another's id", "TestBypassSameNames TestSec43_NamesStayTaken"},
		{"an id of another org", "TestSec49_ForeignAnswersLikeAbsent TestSec50_Cursors TestSec54_DeletedOrg"},
		{"a join of two identities that picks the wrong one", "TestAccountsByExternalID"},
		{"tokens cut, padded, for others, with keys of others", "TestForgedTokens token.TestSec29_EveryChangeFails TestSec13_NothingMixed TestSec09_EndpointAudience"},
		{"one name for a user, a group, a role and a service account", "TestBypassSameNames policy.TestOneIDOneKind"},

		// Administration.
		{"rights given that the giver lacks", "TestSec48_Escalation TestSec48_NoSequenceOfCallsGainsRights TestSec48_EscalateBelow TestSec48_DefaultGroupsAreJudged policy.TestSec48_Covers"},
		{"acting on who is stronger", "TestSec48_StrongerAccountsAreNotNarrowed TestSec48_NoMintingByLogin TestContain"},
		{"a reader's right that is enough to destroy", "TestAsNeedsExactlyItsPermission TestBindingsAreCheckedAtTheirScope"},
		{"the last owner, the guard's own right", "TestLastOwner TestNobodyEndsItself TestGrantOwner"},

		// Lists and the engine.
		{"answers that differ by how they were found", "policy.TestWorlds TestSharedRandomWrites soak.TestNeutralRandom"},
		{"forged, foreign and used-up page tokens", "TestSec50_Cursors cursor.TestSec50_ForgedCursor"},
		{"text of callers inside of statements", "TestFilters TestBadIDs sqlite.TestConformance"},
		{"a list that selects what a decision refuses: columns that fold case, NULL, numbers, too many arguments, names of columns", "soak.TestFilterSQL soak.TestFilterSQLMost soak.TestFilterSQLEncoding policy.FuzzFilterSQL"},
		{"lists as an oracle of what may not be read", "TestAsNeedsExactlyItsPermission TestSec49_ForeignAnswersLikeAbsent"},
		{"very wide, very deep, very many", "policy.TestBypassWideWorld policy.TestBypassDeepPath policy.TestSec52_GroupsAreBounded policy.TestManyBindings soak.TestHostileRequests soak.TestCatalogue"},
	}
}

// TestBypassTable holds that every way is held by a test that exists.
func TestBypassTable(t *testing.T) {
	folders := map[string]string{
		"": ".", "policy": "../policy", "cel": "../policy/cel", "soak": "../internal/soak", "token": "../token", "sqlite": "../store/sqlite", "migrations": "../migrations",
		"httpauth": "httpauth", "commit": "internal/commit", "cursor": "internal/cursor", "clock": "internal/clock",
	}
	known := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for pkg, folder := range folders {
		files := must(filepath.Glob(filepath.Join(folder, "*_test.go")))(t)
		if len(files) == 0 {
			t.Errorf("%s has no tests", folder)
		}
		for _, file := range files {
			for _, m := range declared.FindAllSubmatch(must(os.ReadFile(file))(t), -1) {
				known[strings.TrimPrefix(pkg+"."+string(m[1]), ".")] = true
			}
		}
	}
	named := map[string]bool{}
	for _, b := range bypasses() {
		if strings.HasPrefix(b.tests, "none: ") {
			continue
		}
		if b.tests == "" {
			t.Errorf("nothing holds: %s", b.way)
		}
		for name := range strings.FieldsSeq(b.tests) {
			named[name] = true
			if !known[name] {
				t.Errorf("%s: there is no test %s", b.way, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if strings.Contains(name, "TestBypass") && name != "TestBypassTable" && !named[name] {
			t.Errorf("%s is in no line", name)
		}
	}
}
