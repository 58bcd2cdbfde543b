package cli

import (
	"os"
	"strings"
	"testing"
)

// testMerge copies a run into a new database, changes nothing the second time, and nothing at all for a damaged shard.
func testMerge(t *testing.T, d desk, run string) {
	stdout, _ := d.must(ExitOK, "merge", defaultDB, "--db", "shards/all.db", "-o", "csv")
	if want := "shard,run,outcome\n" + defaultDB + "," + run + ",added\n"; stdout != want {
		t.Errorf("%q, want %q", stdout, want)
	}
	before, _ := d.must(ExitOK, "report", run, "-o", "json")
	if after, _ := d.must(ExitOK, "report", run, "-o", "json", "--db", "shards/all.db"); after != before {
		t.Error("the copy gives another report")
	}
	if stdout, _ = d.must(ExitOK, "merge", defaultDB, defaultDB, "--db", "shards/all.db", "-o", "csv"); strings.Count(stdout, run+",known\n") != 2 {
		t.Error(stdout)
	}
	whole, err := os.ReadFile("shards/all.db")
	if err != nil {
		t.Fatal(err)
	}
	d.write("shards/cut.db", string(whole[:len(whole)/2]))
	d.write("shards/text.db", "no database")
	for shard, code := range map[string]int{"shards/cut.db": ExitUndecided, "shards/text.db": ExitUndecided, "shards/none.db": ExitUsage, "shards/new.db": ExitUsage} {
		if _, stderr := d.must(code, "merge", defaultDB, shard, "--db", "shards/new.db"); !strings.Contains(stderr, shard) {
			t.Errorf("%s: %s", shard, stderr)
		}
		if _, err := os.Stat("shards/new.db"); err == nil {
			t.Fatalf("%s: a database was created", shard)
		}
	}
	if _, stderr := d.must(ExitUsage, "merge", "shards/all.db", "--db", "shards/all.db"); !strings.Contains(stderr, "is the database of --db itself") {
		t.Error(stderr)
	}
}
