// Package cli is the command line: one file per command, each a thin way from flags to the functions of packages run,
// store and report. Results go to standard output, everything else (progress, warnings, errors) to standard error,
// and the exit code says how it went.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/printable"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitFailed      = 1 // a gate or check has failed
	ExitUsage       = 2 // the command line, or a file that it names, is wrong
	ExitUndecided   = 3 // could not be done or decided
	ExitCells       = 4 // a model, or some cells of a run, could not be measured
	ExitInterrupted = 130
)

// app is what commands share.
type app struct {
	out, err io.Writer
	screen   io.Writer // what err writes to, for lines that move the cursor
	in       io.Reader
	revision string
	args     []string
	db       string // flag --db
	format   string // flag -o
	width    int    // of the terminal; 0: no limit
	terminal bool   // whether err is one
}

// Main runs the command line of this process and returns its exit code.
func Main(args []string, revision string) int {
	crashLoudly()
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	done := make(chan int, 1)
	go func() { done <- execute(ctx, args, os.Stdin, os.Stdout, os.Stderr, revision) }()
	return await(ctx, done, patience)
}

// patience is how long a command may take to end in an orderly way once it was asked to.
const patience = 10 * time.Second

// await returns the exit code of a command. The first Ctrl-C ends it in an orderly way, or at once where that takes too
// long, whatever it is waiting for; the second ends it at once.
func await(ctx context.Context, done <-chan int, patience time.Duration) int {
	select {
	case code := <-done:
		return code
	case <-ctx.Done():
	}
	select {
	case code := <-done:
		return code
	case <-time.After(patience):
		return ExitInterrupted
	}
}

// endings are the signals that end a command. A hang-up that nohup has had ignored stays ignored.
func endings() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// crashLoudly makes a panic or refused memory end the process by a signal. Go would exit with 2, our code for wrong usage.
func crashLoudly() { debug.SetTraceback("crash") }

func execute(ctx context.Context, args []string, in io.Reader, out, err io.Writer, revision string) int {
	a := &app{in: in, out: out, err: printable.Writer(err), screen: err, revision: revision, args: args, width: terminalWidth(out), terminal: isTerminal(err)}
	root := a.root() //nolint:contextcheck // commands get their context from ExecuteContext
	root.SetArgs(args)
	failure := root.ExecuteContext(ctx)
	code := exitCode(ctx, failure)
	switch {
	case failure == nil || errors.Is(failure, errReported):
	case code == ExitInterrupted: // what failed has failed for that
		fmt.Fprintln(a.err, "archbench: interrupted")
	default:
		fmt.Fprintln(a.err, "archbench:", failure)
	}
	return code
}

// The errors that commands give to say how it went.
var (
	errReported = errors.New("reported") // wrapped by errors that the output has already told
	errFailed   = fmt.Errorf("failed: %w", errReported)
	errCells    = fmt.Errorf("some cells failed: %w", errReported)
)

// usageError is a mistake on the command line.
type usageError struct{ error }

// Unwrap returns what is wrong.
func (u usageError) Unwrap() error { return u.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// modelError says that a model was named rightly but could not be loaded or asked.
type modelError struct{ error }

// Unwrap returns what is wrong.
func (m modelError) Unwrap() error { return m.error }

// ofModel makes an error one of the model, unless there is none.
func ofModel(err error) error {
	if err == nil {
		return nil
	}
	return modelError{err}
}

// shortages are errors of a machine that has run out of something, and the loss of the database. The command line was
// right, and going on would not help.
var shortages = []error{
	syscall.ENOMEM, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.EIO,
	store.ErrMoved, store.ErrDamaged, store.ErrDiskFull, store.ErrTaken,
}

// exitCode says how it went. What was lost comes before an interruption: nobody must believe that the run can be resumed.
func exitCode(ctx context.Context, err error) int {
	var mistake usageError
	var model modelError
	switch {
	case err == nil:
		return ExitOK
	case slices.ContainsFunc(shortages, func(e error) bool { return errors.Is(err, e) }):
		return ExitUndecided
	case errors.Is(err, run.ErrInterrupted), ctx.Err() != nil:
		return ExitInterrupted
	case errors.Is(err, errFailed):
		return ExitFailed
	case errors.As(err, &mistake), errors.Is(err, store.ErrNotFound):
		return ExitUsage
	case errors.Is(err, errCells), errors.As(err, &model):
		return ExitCells
	}
	return ExitUndecided
}

const rootLong = `archbench answers which architecture of language model is better: at which context length, at how many
bits, per FLOP, per byte and per second, and how sure we are.

Each architecture is a plugin. Suites say what is measured; results go into a database; reports are drawn from it.

Exit codes: 0 done, 1 a check or gate has failed, 2 wrong usage (the command line, or what it names), 3 could not be
done or decided, 4 a model or some cells of a run could not be measured, 130 interrupted by Ctrl-C, SIGTERM or a hang-up
(archbench resume goes on). Memory that the system refuses to archbench itself ends it by a signal: 134 or 137.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "archbench", Short: "Compare architectures of language models", Long: rootLong,
		Example:       "  archbench run quickstart\n  archbench report\n  archbench compare --base gpt2",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return a.checkPlugins(c) },
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetIn(a.in)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%s\nsee %s --help", explainFlag(c, err), c.CommandPath())
	})
	root.PersistentFlags().StringVar(&a.db, "db", defaultDB, "database of results")
	root.AddCommand(a.runCommand(), a.resumeCommand(), a.runsCommand(), a.suitesCommand(), a.compareCommand(),
		a.reportCommand(), a.showCommand(), a.pluginsCommand(), a.doctorCommand(), a.generateCommand(), a.scoreCommand(),
		a.tokenizerCommand(), a.checkpointCommand(), a.versionCommand())
	unknownCommands(root)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", cmp.Or(a.width, helpWidth))))
	return root
}

// helpWidth is how wide --help is where no terminal says it.
const helpWidth = 120

// unknownCommands makes commands that only hold others show their help, and complain about words that they do not know.
func unknownCommands(c *cobra.Command) {
	for _, child := range c.Commands() {
		unknownCommands(child)
	}
	if !c.HasSubCommands() {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		var names []string
		for _, child := range c.Commands() {
			names = append(names, child.Name())
		}
		return usage("unknown command %q for %s%s", args[0], c.CommandPath(), didYouMean(args[0], names))
	}
}

// count checks the number of arguments and says what they are.
func count(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usage("%s takes %s, got %d\nsee %s --help", c.CommandPath(), what, len(args), c.CommandPath())
		}
		return nil
	}
}

// wanted says what a flag takes, by the name of its type.
var wanted = map[string]string{
	"int": "it is a whole number", "uint64": "it is a whole number of at least 0", "float64": "it is a number",
	"duration": "a time is a number with a unit, for example 30s, 5m or 1h",
}

// explainFlag says what a flag takes, or adds the flag that was probably meant.
func explainFlag(c *cobra.Command, err error) string {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		flag := invalid.GetFlag()
		return fmt.Sprintf("--%s %q: %s", flag.Name, invalid.GetValue(), cmp.Or(wanted[flag.Value.Type()], errors.Unwrap(invalid).Error()))
	}
	message := err.Error()
	if _, name, ok := strings.Cut(message, "unknown flag: --"); ok {
		return message + didYouMean(name, flagNames(c))
	}
	return message
}

// warn tells a warning, if there is one, on standard error.
func (a *app) warn(text string) {
	if text != "" {
		fmt.Fprintln(a.err, "warning:", text)
	}
}

// warnOf tells what a model's plugin warned of while it loaded.
func (a *app) warnOf(model string, warnings []string) {
	for _, w := range warnings {
		a.warn(model + ": " + w)
	}
}

// command is the command line for the record.
func (a *app) command() string { return shell.Join(append([]string{"archbench"}, a.args...)...) }

// first returns an argument or "".
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// printFindings prints what a command has found out about plugins, unless it was interrupted: then they were not given the
// time to answer.
func (a *app) printFindings(ctx context.Context, t table.Table) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.print(t)
}

// print writes tables in the format of -o. Where programs read them, what a reader must know goes to standard error.
func (a *app) print(tables ...table.Table) error {
	printable.All(&tables)
	if table.ForPrograms(a.format) {
		for _, t := range tables {
			for _, n := range t.Notes {
				fmt.Fprintln(a.err, "note:", n)
			}
		}
	}
	return table.Write(a.out, a.format, a.width, tables...)
}
