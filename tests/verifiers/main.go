// Command verifier checks a log of the collector with the packages of Go's checksum database. It shares no code with Headgate.
//
//	verifier FOLDER [URL LOG]
//
// FOLDER holds `key` (a vkey), `old.note` and `new.note` (checkpoints), `consistency` (hashes in base64, a line each), `entry`
// (the bytes of an entry) and `entry.tlog-proof`. With URL and LOG, both proofs are also made anew, from the log's tiles.
package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type checkpoint struct {
	size int64
	root tlog.Hash
}

func fail(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func read(folder, name string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, name))
	fail(err)
	return data
}

func hash(text string) tlog.Hash {
	data, err := base64.StdEncoding.DecodeString(text)
	fail(err)
	if len(data) != tlog.HashSize {
		fail(errors.New("a hash of another size"))
	}
	return tlog.Hash(*(*[tlog.HashSize]byte)(data))
}

func open(msg []byte, key string) checkpoint {
	verifier, err := note.NewVerifier(key)
	fail(err)
	signed, err := note.Open(msg, note.VerifierList(verifier))
	fail(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail(errors.New("the text is no checkpoint of this log"))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail(err)
	return checkpoint{size, hash(lines[2])}
}

// tiles reads the tiles of a log over HTTP.
type tiles struct{ base string }

func (tiles) Height() int                     { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tiles) ReadTiles(all []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range all {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		answer, err := http.Get(r.base + "/" + path)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 {
			return nil, fmt.Errorf("%s: status %d", path, answer.StatusCode)
		}
		data = append(data, body)
	}
	return data, nil
}

func main() {
	folder := os.Args[1]
	key := strings.TrimSpace(string(read(folder, "key")))
	older, newer := open(read(folder, "old.note"), key), open(read(folder, "new.note"), key)
	var growth tlog.TreeProof
	for _, line := range strings.Fields(string(read(folder, "consistency"))) {
		growth = append(growth, hash(line))
	}
	fail(tlog.CheckTree(growth, newer.size, newer.root, older.size, older.root))

	head, msg, found := bytes.Cut(read(folder, "entry.tlog-proof"), []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		fail(errors.New("the proof has another form"))
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	fail(err)
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		path = append(path, hash(line))
	}
	signed, leaf := open(msg, key), tlog.RecordHash(read(folder, "entry"))
	fail(tlog.CheckRecord(path, signed.size, signed.root, index, leaf))

	if len(os.Args) > 3 {
		reader := tlog.TileHashReader(tlog.Tree{N: newer.size, Hash: newer.root}, tiles{os.Args[2] + "/log/" + os.Args[3]})
		own, err := tlog.ProveRecord(newer.size, index, reader)
		fail(err)
		fail(tlog.CheckRecord(own, newer.size, newer.root, index, leaf))
		grown, err := tlog.ProveTree(newer.size, older.size, reader)
		fail(err)
		fail(tlog.CheckTree(grown, newer.size, newer.root, older.size, older.root))
	}
	fmt.Println("accepted")
}
