// nodemailer's smtp-server on a port that the system chooses: the first argument has {options, user, pass} as JSON.
// A line of JSON on standard output for the port, then one for each message.
'use strict';
const { SMTPServer } = require('smtp-server');

const { options, user, pass } = JSON.parse(process.argv[2]);

function refusal(code, text) {
    return Object.assign(new Error(text), { responseCode: code });
}

const server = new SMTPServer({
    ...options,
    onAuth(auth, session, callback) {
        const right = auth.username === user && (auth.validatePassword ? auth.validatePassword(pass) : auth.password === pass);
        const bearer = auth.method === 'XOAUTH2' && auth.username === user && auth.accessToken === pass;
        callback(null, right || bearer ? { user } : { message: 'not you' });
    },
    onRcptTo(address, session, callback) {
        const name = address.address.split('@')[0];
        const refusals = { eve: refusal(550, 'nobody here'), later: refusal(450, 'not now') };
        callback(refusals[name] ?? null);
    },
    onData(stream, session, callback) {
        const chunks = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('end', () => {
            if (stream.sizeExceeded) {
                return callback(refusal(552, 'too large'));
            }
            const { mailFrom, rcptTo } = session.envelope;
            const recipients = rcptTo.map((rcpt) => rcpt.address);
            const content = Buffer.concat(chunks).toString('base64');
            const more = { user: session.user ?? null, secure: session.secure, args: mailFrom.args, dsn: session.envelope.dsn };
            console.log(JSON.stringify({ sender: mailFrom.address, recipients, content, ...more }));
            const full = refusal(552, 'mailbox full');
            callback(null, options.lmtp ? recipients.map((name) => (name.startsWith('full') ? full : 'taken')) : 'taken');
        });
    },
});
server.on('error', (error) => console.error(error));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.server.address().port })));
