// Package markdown prints the tables of the benchmark and of the fault test. It imports the standard library only. Start reading at Table.
package markdown
