// Package cli is the command line. Each command has its own file and passes its flags to packages run, store and report.
// Results go to standard output; progress, warnings and errors go to standard error.
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
	ExitFailed      = 1 // a check failed
	ExitUsage       = 2 // the command line, or a file that it names, is wrong
	ExitUndecided   = 3 // the command could not be carried out, or not decide
	ExitCells       = 4 // a model, or some cells of a run, could not be measured
	ExitInterrupted = 130
)

// app is the state that commands share.
type app struct {
	out, err io.Writer
	screen   io.Writer // below err, for lines that move the cursor
	in       io.Reader
	revision string
	args     []string
	db       string // flag --db
	format   string // flag -o
	width    int    // of the terminal; 0: no limit
	terminal bool   // whether err is a terminal
}

// Main runs the command line of this process and returns its exit code.
func Main(args []string, revision string) int {
	crashLoudly()
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	done := make(chan int, 1)
	go func() { done <- execute(ctx, args, os.Stdin, os.Stdout, os.Stderr, revision) }()
	return await(ctx, done, patience)
}

// patience is how long an interrupted command may take to end in order.
const patience = 10 * time.Second

// await returns the exit code of a command. After the first Ctrl-C the command has patience to end in order; if it does
// not, or at the second Ctrl-C, it ends at once.
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

// endSignals are the signals that end a command. SIGHUP is not one of them under nohup.
func endSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// crashLoudly makes panics and failed allocations end the process by a signal. By default Go exits with 2, our code for
// wrong usage.
func crashLoudly() { debug.SetTraceback("crash") }

func execute(ctx context.Context, args []string, in io.Reader, out, err io.Writer, revision string) int {
	a := &app{in: in, out: out, err: printable.Writer(err), screen: err, revision: revision, args: args, width: terminalWidth(out), terminal: isTerminal(err)}
	root := a.root() //nolint:contextcheck // commands get their context from ExecuteContext
	root.SetArgs(args)
	failure := root.ExecuteContext(ctx)
	code := exitCode(ctx, failure)
	switch {
	case failure == nil || errors.Is(failure, errReported):
	case code == ExitInterrupted: // the interruption caused the error
		fmt.Fprintln(a.err, "archbench: interrupted")
	default:
		fmt.Fprintln(a.err, "archbench:", failure)
	}
	return code
}

// Errors that select an exit code.
var (
	errReported  = errors.New("reported") // wrapped by errors that need no further message
	errFailed    = fmt.Errorf("failed: %w", errReported)
	errCells     = fmt.Errorf("some cells failed: %w", errReported)
	errUndecided = fmt.Errorf("undecided: %w", errReported)
)

// usageError is a mistake on the command line.
type usageError struct{ error }

// Unwrap returns the mistake.
func (u usageError) Unwrap() error { return u.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// modelError means that a correctly named model could not be loaded or used.
type modelError struct{ error }

// Unwrap returns the failure.
func (m modelError) Unwrap() error { return m.error }

// ofModel turns a non-nil error into a modelError.
func ofModel(err error) error {
	if err == nil {
		return nil
	}
	return modelError{err}
}

// shortages are errors of a machine that ran out of a resource, and the loss of the database. The command line is not at
// fault, and resuming would not help.
var shortages = []error{
	syscall.ENOMEM, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.EIO,
	store.ErrMoved, store.ErrDamaged, store.ErrDiskFull, store.ErrTaken,
}

// exitCode is the exit code for an error. Shortages take precedence over an interruption, which would suggest that the
// run can be resumed.
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

const rootLong = `archbench finds out which language-model architecture is better: at which context length, at how many bits, per FLOP,
per byte and per second, and with what confidence.

Each architecture is a plugin. Suites define what is measured, a database stores the results, and reports show them.

Exit codes: 0 success, 1 a check failed, 2 wrong usage (the command line, or a file that it names), 3 not possible or
not decided, 4 a model or some cells of a run could not be measured, 130 interrupted by Ctrl-C, SIGTERM, SIGHUP or the
end of --budget (continue with archbench resume). If archbench itself runs out of memory, a signal ends it: 134 or 137.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "archbench", Short: "Compare language-model architectures", Long: rootLong,
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
	root.PersistentFlags().StringVar(&a.db, "db", defaultDB, "`FILE` of the results database")
	root.AddCommand(a.planCommand(), a.runCommand(), a.resumeCommand(), a.compareCommand(), a.reportCommand(), a.showCommand(), a.doctorCommand(),
		a.exportCommand(), a.importCommand(), a.bundleCommand(), a.verifyCommand(), a.mergeCommand(),
		a.trainCommand(), a.experimentCommand(), a.generateCommand(), a.scoreCommand(), a.versionCommand(),
		group("runs", "List and remove runs", a.runsListCommand(), a.runsRemoveCommand()),
		group("trainings", "List trainings", a.trainingsListCommand()),
		group("suites", "List and show suites", a.suitesListCommand(), a.suitesShowCommand()),
		group("plugins", "List and test plugins", a.pluginsListCommand(), a.pluginsTestCommand()),
		group("tokenizer", "Work with tokenizers", a.tokenizerTestCommand()),
		group("checkpoint", "Work with checkpoint folders", a.convertCommand(), a.studyCommand()))
	unknownCommands(root)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", cmp.Or(a.width, helpWidth))))
	return root
}

// group is a command that only holds others. Its examples are theirs.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	for _, child := range commands {
		c.Example = strings.TrimPrefix(c.Example+"\n"+child.Example, "\n")
	}
	c.AddCommand(commands...)
	return c
}

// helpWidth is the width of --help when the output is not a terminal.
const helpWidth = 120

// unknownCommands makes commands with subcommands show their help, and reject unknown subcommands.
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

// count checks the number of arguments; what describes them. If most is negative, there is no upper bound.
func count(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usage("%s takes %s, got %d\nsee %s --help", c.CommandPath(), what, len(args), c.CommandPath())
		}
		return nil
	}
}

// wanted describes the value of a flag by its type.
var wanted = map[string]string{
	"int": "must be a whole number", "uint64": "must be a whole number of at least 0", "float64": "must be a number",
	"duration": "must be a number with a unit, for example 30s, 5m or 1h",
}

// explainFlag describes what a flag takes, or suggests the flag that was probably meant.
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

// warn prints a warning on standard error, unless it is empty.
func (a *app) warn(text string) {
	if text != "" {
		fmt.Fprintln(a.err, "warning:", text)
	}
}

// note prints what users should know but need not change, unless it is empty.
func (a *app) note(text string) {
	if text != "" {
		fmt.Fprintln(a.err, "note:", text)
	}
}

// warnOf prints the warnings of a model's plugin.
func (a *app) warnOf(model string, warnings []string) {
	for _, w := range warnings {
		a.warn(model + ": " + w)
	}
}

// command is the command line as it is stored with a run.
func (a *app) command() string { return shell.Join(append([]string{"archbench"}, a.args...)...) }

// first returns the first argument, or "".
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// printFindings prints what a command found out about plugins; if not all of it is good, the command fails. An interrupted
// command prints nothing, because plugins had no time to answer.
func (a *app) printFindings(ctx context.Context, t table.Table, good bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.print(t); err != nil || good {
		return err
	}
	return errFailed
}

// print writes tables in the format of -o. If it is a format for programs, the tables' notes go to standard error.
func (a *app) print(tables ...table.Table) error {
	printable.All(&tables)
	if table.ForPrograms(a.format) {
		for _, t := range tables {
			for _, n := range t.Notes {
				a.note(n)
			}
		}
	}
	return table.Write(a.out, a.format, a.width, tables...)
}
