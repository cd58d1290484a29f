// Command note opens a signed note with Go's package of the checksum database. It shares no code with Headgate.
//
//	note FILE KEY...
//
// It prints the number of signatures of these keys, and that of others.
package main

import (
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
)

func fail(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func main() {
	msg, err := os.ReadFile(os.Args[1])
	fail(err)
	var verifiers []note.Verifier
	for _, key := range os.Args[2:] {
		verifier, err := note.NewVerifier(key)
		fail(err)
		verifiers = append(verifiers, verifier)
	}
	signed, err := note.Open(msg, note.VerifierList(verifiers...))
	fail(err)
	fmt.Println(len(signed.Sigs), len(signed.UnverifiedSigs))
}
