// smtp-server of nodemailer: `node nodemailer.cjs PORT USER PASSWORD [--tls CERTIFICATE KEY]`.
const { readFileSync } = require("fs");
const { SMTPServer } = require("smtp-server");

const [port, user, password, , certificate, key] = process.argv.slice(2);
const secure = certificate !== undefined;

const server = new SMTPServer({
  name: "mx.test",
  banner: "",
  authOptional: true,
  disableReverseLookup: true,
  disabledCommands: secure ? [] : ["AUTH", "STARTTLS"],
  ...(secure ? { cert: readFileSync(certificate), key: readFileSync(key) } : {}),
  onAuth(auth, session, callback) {
    if (auth.username === user && auth.password === password) callback(null, { user });
    else callback(new Error("no such user"));
  },
  // The whole message is in memory once, and dropped.
  onData(stream, session, callback) {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      Buffer.concat(chunks);
      callback(null);
    });
  },
});
server.on("error", (error) => console.error(error.message));
server.server.listen(Number(port), "127.0.0.1", 4096);
