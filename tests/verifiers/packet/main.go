// Command packet checks an evidence packet with the packages of Go's checksum database. It shares no code with Headgate.
//
//	packet PACKET.zip KEY
//
// KEY is the operator's public key as a vkey.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const nodeBytes = 41

func fail(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func must(holds bool, what string) {
	if !holds {
		fail(errors.New(what))
	}
}

// open returns the text of a note that the operator's key has signed under the name of `what`.
func open(msg []byte, key, what string) string {
	parts := strings.SplitN(key, "+", 3)
	must(len(parts) == 3, "the key has another form")
	public, err := base64.StdEncoding.DecodeString(parts[2])
	fail(err)
	name := parts[0] + "/" + what
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	verifier, err := note.NewVerifier(name + "+" + hex.EncodeToString(id[:4]) + "+" + parts[2])
	fail(err)
	signed, err := note.Open(msg, note.VerifierList(verifier))
	fail(err)
	return signed.Text
}

type head struct {
	level int
	hash  tlog.Hash
}

// push appends a subtree to the heads of a tree.
func push(heads []head, one head) []head {
	for len(heads) > 0 && heads[len(heads)-1].level == one.level {
		one = head{one.level + 1, tlog.NodeHash(heads[len(heads)-1].hash, one.hash)}
		heads = heads[:len(heads)-1]
	}
	return append(heads, one)
}

type part struct {
	Size    uint64            `json:"size"`
	Lines   uint64            `json:"lines"`
	First   uint64            `json:"first"`
	End     uint64            `json:"end"`
	Outside map[string]uint64 `json:"outside"`
}

func checkLog(files map[string][]byte, log, key string, part part) {
	lines := strings.Split(open(files["proofs/"+log+".checkpoint"], key, log), "\n")
	must(len(lines) == 4, "the checkpoint has another form")
	size, err := strconv.ParseUint(lines[1], 10, 63)
	fail(err)
	must(size == part.Size, "the manifest has another size")
	data, nodes := files["data/"+log+".ndjson"], files["proofs/"+log+".nodes"]
	var heads []head
	var at, own, between uint64
	for at < size {
		if len(nodes) >= nodeBytes && binary.BigEndian.Uint64(nodes) == at {
			level := int(nodes[8])
			must(level < 63 && at%(1<<level) == 0, "a subtree does not fit its place")
			heads = push(heads, head{level, tlog.Hash(*(*[32]byte)(nodes[9:nodeBytes]))})
			nodes = nodes[nodeBytes:]
			for end := at + 1<<level; at < end; at++ {
				if at >= part.First && at < part.End {
					between++
				}
			}
			continue
		}
		end := bytes.IndexByte(data, '\n')
		must(end >= 0, "lines are missing")
		heads = push(heads, head{0, tlog.RecordHash(data[:end])})
		data, at, own = data[end+1:], at+1, own+1
	}
	must(len(data) == 0 && len(nodes) == 0 && at == size, "lines or subtrees are left over")
	root := tlog.Hash(sha256.Sum256(nil))
	for place := len(heads) - 1; place >= 0; place-- {
		if place == len(heads)-1 {
			root = heads[place].hash
		} else {
			root = tlog.NodeHash(heads[place].hash, root)
		}
	}
	must(lines[2] == base64.StdEncoding.EncodeToString(root[:]), "the entries are not those that were signed")
	var outside uint64
	for _, count := range part.Outside {
		outside += count
	}
	must(own == part.Lines && between == outside, "the manifest has other numbers")
}

func main() {
	archive, err := zip.OpenReader(os.Args[1])
	fail(err)
	key, files := os.Args[2], map[string][]byte{}
	for _, file := range archive.File {
		reader, err := file.Open()
		fail(err)
		data, err := io.ReadAll(reader)
		fail(err)
		_, twice := files[file.Name]
		must(!twice, "a name stands twice")
		files[file.Name] = data
	}
	sums := files["SHA256SUMS"]
	listed := strings.Split(strings.TrimSuffix(string(sums), "\n"), "\n")
	for _, line := range listed {
		digest := sha256.Sum256(files[line[66:]])
		must(line[:64] == hex.EncodeToString(digest[:]), line[66:]+" has another digest")
	}
	must(len(files) == len(listed)+2, "files were added or removed")
	digest := sha256.Sum256(sums)
	text := open(files["SHA256SUMS.note"], key, "packet")
	must(strings.HasSuffix(text, "\nSHA256SUMS "+hex.EncodeToString(digest[:])+"\n"), "the note is about other sums")
	var manifest struct {
		Requests part  `json:"requests"`
		Audit    *part `json:"audit"`
	}
	fail(json.Unmarshal(files["manifest.json"], &manifest))
	checkLog(files, "requests", key, manifest.Requests)
	if manifest.Audit != nil {
		checkLog(files, "audit", key, *manifest.Audit)
	}
	fmt.Println("accepted")
}
