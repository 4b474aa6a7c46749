# Takes the programs out of a README: every ```cpp fence whose first line is "// snippet: NAME" becomes
# FOLDER/NAME.cpp, and the ```text or ```dot fence that follows it, if there is one before the next ```cpp fence,
# becomes FOLDER/NAME.expected. Prints one line "README NAME" per program. A line that opens a fence stands at the
# left margin.
#
#   awk -v folder=FOLDER -f tests/snippets.awk README.md ...

function open_output(path) { output = path; printf "" > output }

# The closing fence of whatever is being read.
inside && /^```/ {
  if (output != "") close(output)
  output = ""
  inside = 0
  next
}

inside == "cpp" && first {
  first = 0
  if ($0 !~ /^\/\/ snippet: [a-z0-9_]+$/) next
  name = $3
  if (name in seen) { print FILENAME ": two snippets are named " name > "/dev/stderr"; exit 1 }
  seen[name] = 1
  print FILENAME, name
  open_output(folder "/" name ".cpp")
  # Compiler messages then name the README and its line.
  printf "#line %d \"%s\"\n", FNR, FILENAME > output
}

inside { if (output != "") print > output; next }

/^```/ {
  inside = substr($0, 4)
  if (inside == "") inside = "plain"
  first = inside == "cpp"
  if (first) name = ""
  if ((inside == "text" || inside == "dot") && name != "") { open_output(folder "/" name ".expected"); name = "" }
}
