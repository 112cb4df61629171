import express from 'express';
import { Bot, webhookCallback } from 'grammy';

const bot = new Bot('123456:ABC', {
  botInfo: {
    id: 123456,
    is_bot: true,
    first_name: 'Bot',
    username: 'a_bot',
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
  },
  client: { canUseWebhookReply: () => true },
});

bot.command('start', (ctx) => ctx.reply('Welcome! Up and running.'));
bot.on('message:text', (ctx) => ctx.reply(`You said ${ctx.msg.text}`));

const app = express();

app.use(express.json());
app.get('/', (_req, res) => res.send('A bot'));
app.use('/bot', webhookCallback(bot, 'express', { secretToken: 'a-token' }));

app.listen(3000);
