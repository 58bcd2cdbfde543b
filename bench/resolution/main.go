// Command resolution measures how small a difference archbench finds, beside other ways to compare programs. The truth is
// known: one model is compared with itself and with copies that are 2, 5 and 10 % slower on purpose (see slowed).
//
//	make build
//	go run ./bench/resolution record -condition idle -to idle.jsonl.gz    # 35 minutes; appends to the file
//	go run ./bench/resolution report idle.jsonl.gz
//
// bench/README.md describes what is recorded and how it is judged.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
)

// copies are the models: the base, the same again, and those slower by a share, in percent.
var copies = []struct {
	name    string
	percent float64
}{{"base", 0}, {"same", 0}, {"slow2", 2}, {"slow5", 5}, {"slow10", 10}}

func main() {
	log.SetFlags(0)
	commands := map[string]func(context.Context, []string) error{"record": recordCommand, "report": reportCommand, "calls": callsCommand}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		log.Fatal("usage: resolution record|report|calls [flags]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

// reportCommand prints the tables of recordings.
func reportCommand(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("report", flag.ExitOnError)
	flags.Parse(args)
	pieces, err := read(flags.Args())
	if err != nil {
		return err
	}
	for _, condition := range conditions(pieces) {
		fmt.Print(report(condition, under(pieces, condition)))
	}
	return nil
}
