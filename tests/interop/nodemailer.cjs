// Sends messages by nodemailer: standard input has {transport, letter, mails} as JSON; a line of JSON for each mail,
// what nodemailer has to say of it or the code and the response of its error.
'use strict';
const nodemailer = require('nodemailer');
const { readFileSync } = require('node:fs');

async function main() {
    const { transport, letter, mails } = JSON.parse(readFileSync(0, 'utf8'));
    const transporter = nodemailer.createTransport(transport);
    const raw = Buffer.from(letter, 'base64');
    for (const mail of mails) {
        let outcome;
        try {
            const { accepted, rejected, response } = await transporter.sendMail({ ...mail, raw });
            outcome = { accepted, rejected, response };
        } catch (error) {
            outcome = { code: error.code, response: error.response ?? error.message };
        }
        console.log(JSON.stringify(outcome));
    }
    transporter.close();
}

main();
